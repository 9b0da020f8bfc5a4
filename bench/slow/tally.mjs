/** Counts the messages sent in one direction and those of them that arrived. Every message has a number. */
export class Tally {
  said = 0
  saidBytes = 0
  doubled = 0
  reordered = 0
  /** Messages that arrived and are not chat lines. */
  bulkHeard = 0
  /** When the last message arrived. */
  heardAt = 0
  /** The longest time that a chat line took to arrive. */
  #chatMs = 0
  /** By number: when each chat line was sent that has not arrived yet. */
  #awaited = new Map()
  #heard = new Set()
  #highest = -1

  /** Makes the next message, of this many bytes as JSON. A chat line contains the time at which it was sent. */
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

  /** The longest time that a chat line took to arrive, or has been under way without arriving. */
  chatMs() {
    const now = performance.now()
    return Math.max(this.#chatMs, ...Array.from(this.#awaited.values(), (at) => now - at))
  }

  get heard() {
    return this.#heard.size
  }

  /** Messages that did not arrive although a later one did. */
  get lost() {
    return this.#highest + 1 - this.#heard.size
  }
}
