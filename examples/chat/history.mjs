// @ts-check

/** @typedef {import("./contract.ts").Saying} Saying */

/** Number of earlier messages that a new user is shown. */
const KEPT = 50

/** What was said last in the room, oldest first. */
export class History {
  /** @type {Saying[]} */
  #sayings

  /** @param {readonly Saying[]} [sayings] */
  constructor(sayings = []) {
    this.#sayings = [...sayings]
  }

  /** @returns {readonly Saying[]} */
  get all() {
    return this.#sayings
  }

  /** @param {Saying} saying */
  add(saying) {
    this.#sayings.push(saying)
    if (this.#sayings.length > KEPT) this.#sayings.shift()
  }
}
