/** What was said in one direction and what was heard of it. Every message has a number. */
export class Tally {
  said = 0
  saidBytes = 0
  doubled = 0
  reordered = 0
  /** Messages heard that are no chat lines. */
  bulkHeard = 0
  /** When the last message came. */
  heardAt = 0
  /** The greatest time that a chat line took. */
  #chatMs = 0
  /** When each chat line was said that did not come yet, by number. */
  #awaited = new Map()
  #heard = new Set()
  #highest = -1

  /** Makes the next message, of so many bytes as JSON. A chat line carries the time at which it was said. */
  next(bytes, isChat = false) {
    const message = { n: this.said++, at: isChat ? performance.now() : 0, text: "" }
    const rest = bytes - JSON.stringify(message).length
    if (isChat) this.#awaited.set(message.n, message.at)
    if (rest > 0) message.text = "x".repeat(rest)
    this.saidBytes += JSON.stringify(message).length
    return message
  }

  hear({ n, at }) {
    this.heardAt = performance.now()
    if (this.#awaited.delete(n)) this.#chatMs = Math.max(this.#chatMs, this.heardAt - at)
    else if (at === 0 && !this.#heard.has(n)) this.bulkHeard++
    if (this.#heard.has(n)) this.doubled++
    else if (n < this.#highest) this.reordered++
    this.#heard.add(n)
    this.#highest = Math.max(this.#highest, n)
  }

  /** The greatest time that a chat line took, or takes already. */
  chatMs() {
    const now = performance.now()
    return Math.max(this.#chatMs, ...Array.from(this.#awaited.values(), (at) => now - at))
  }

  get heard() {
    return this.#heard.size
  }

  /** Messages that never came although a later one did. */
  get lost() {
    return this.#highest + 1 - this.#heard.size
  }
}
