// @ts-check
import { randomNick } from "../nicknames.mjs"
import { clock, create, element, input } from "./dom.mjs"

/** @typedef {import("../contract.ts").Saying} Saying */

const NICK = "everwire-chat:nick"

/** The chat room on the page: its messages, its users, and the form to write a message. */
export class Conversation {
  #host
  #log = element("messages")
  #seen = /** @type {Set<string>} */ (new Set())
  /** Own messages that the hub has not sent back yet, by key. */
  #pending = /** @type {Map<number, HTMLElement>} */ (new Map())
  #key = 0
  /** Whether the list is scrolled to its end. Then it stays at the end when it grows or shrinks. */
  #atEnd = true

  /** @param {{ join(nick: string): void, say(text: string, key: number): void, isOwn(peer: string): boolean }} host */
  constructor(host) {
    this.#host = host
    const nick = input("nick")
    nick.value = sessionStorage.getItem(NICK) ?? randomNick()
    nick.addEventListener("change", () => this.#rename(nick))
    this.#log.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#log
      this.#atEnd = scrollHeight - scrollTop - clientHeight < 80
    })
    // The list gets lower when a phone's keyboard opens or when more users are shown above it.
    new ResizeObserver(() => this.#follow()).observe(this.#log)
    element("composer").addEventListener("submit", (event) => {
      event.preventDefault()
      this.#say(input("text"))
    })
  }

  get nick() {
    return input("nick").value.trim()
  }

  /** @param {readonly Saying[]} history */
  remember(history) {
    for (const saying of history) this.hear(saying)
  }

  /** @param {Saying} saying */
  hear(saying) {
    const { id, nick, text, at, peer, key } = saying
    if (this.#seen.has(id)) return
    this.#seen.add(id)
    const own = this.#host.isOwn(peer)
    const pending = own ? this.#pending.get(key) : undefined
    if (pending === undefined) return this.#append(message(nick, text, at, own))
    this.#pending.delete(key)
    pending.classList.remove("pending", "doubted")
  }

  /**
   * Marks own messages of which nobody knows whether they arrived.
   *
   * @param {readonly number[]} keys
   */
  doubt(keys) {
    for (const key of keys) this.#pending.get(key)?.classList.add("doubted")
  }

  /**
   * Adds a line that is no message of a user.
   *
   * @param {string} text
   */
  note(text) {
    this.#append(create("li", "note", text))
  }

  /** @param {readonly import("../contract.ts").Person[]} people */
  showPeople(people) {
    const list = people.map(({ id, nick, transport }) => {
      const person = create("li", "person")
      person.dataset["transport"] = transport ?? "none"
      person.append(
        create("span", "person-name", this.#host.isOwn(id) ? `${nick} (you)` : nick),
        create("span", "person-wire", transport ?? "away"),
      )
      return person
    })
    element("people").replaceChildren(...list)
  }

  /** @param {HTMLInputElement} nick */
  #rename(nick) {
    if (this.nick === "") nick.value = randomNick()
    sessionStorage.setItem(NICK, this.nick)
    this.#host.join(this.nick)
  }

  /** @param {HTMLInputElement} field */
  #say(field) {
    const text = field.value.trim()
    if (text === "") return
    const key = ++this.#key
    this.#host.say(text, key)
    field.value = ""
    const item = message(this.nick, text, Date.now(), true)
    item.classList.add("pending")
    this.#pending.set(key, item)
    this.#append(item)
  }

  /** @param {HTMLElement} item */
  #append(item) {
    element("empty").hidden = true
    this.#log.append(item)
    if (item.classList.contains("own")) this.#atEnd = true
    this.#follow()
  }

  #follow() {
    if (this.#atEnd) this.#log.scrollTop = this.#log.scrollHeight
  }
}

/**
 * @param {string} nick
 * @param {string} text
 * @param {number} at
 * @param {boolean} own
 */
function message(nick, text, at, own) {
  const item = create("li", own ? "message own" : "message")
  const head = create("p", "message-head")
  head.append(create("span", "message-nick", nick), create("time", "message-time", clock(at)))
  item.append(head, create("p", "message-text", text))
  return item
}
