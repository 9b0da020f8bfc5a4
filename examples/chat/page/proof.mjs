// @ts-check
import { Tally } from "../tally.mjs"
import { element, show } from "./dom.mjs"

/** @typedef {import("../contract.ts").Count} Count */

/** Shows the counts of both numbered streams. */
export class Proof {
  /** Number of the last beat that was sent. */
  #said = 0
  /** How many beats were sent before this session. */
  #saidBefore = 0
  /** The highest number that the hub has sent. */
  #told = 0
  /** @type {Count} */
  #heardByHub = { received: 0, lost: 0, doubled: 0 }
  #tally = new Tally(1)

  /** A session begins, and both counts start again. Returns the number of the next beat to send. */
  begin() {
    this.#saidBefore = this.#said
    this.#told = 0
    this.#heardByHub = { received: 0, lost: 0, doubled: 0 }
    this.#tally = new Tally(1)
    return this.#said + 1
  }

  /** Returns the number for a beat to send. */
  say() {
    return ++this.#said
  }

  /**
   * Counts a beat from the hub.
   *
   * @param {number} n
   * @param {Count} heardByHub
   */
  hear(n, heardByHub) {
    this.#tally.hear(n)
    this.#told = Math.max(this.#told, n)
    this.#heardByHub = heardByHub
  }

  show() {
    const up = this.#heardByHub
    const down = this.#tally.count
    row("up", this.#said - this.#saidBefore, up)
    row("down", this.#told, down)
    const lost = up.lost + down.lost
    const doubled = up.doubled + down.doubled
    show(element("verdict"), `${lost} lost, ${doubled} doubled`)
    element("verdict").dataset["holds"] = String(lost + doubled === 0)
  }
}

/**
 * @param {"up" | "down"} id
 * @param {number} sent
 * @param {Count} count
 */
function row(id, sent, { received, lost, doubled }) {
  for (const [place, figure] of [sent, received, lost, doubled].entries()) {
    show(element(id).querySelectorAll("td")[place] ?? null, figure.toLocaleString("en"))
  }
}
