// @ts-check
import { create, element } from "./dom.mjs"

const BARS = 75
const BAR_MS = 400
/** What a bar would have to show to be full: a burst after three seconds of silence. */
const FULL = 16

/** The last thirty seconds: what came down above the line, what went up below it, in the colour of its transport. */
export class Flow {
  #bars = Array.from({ length: BARS }, () => create("i", "bar"))
  #down = 0
  #up = 0
  /** How much the hub had heard when the last bar ended. */
  #heard = 0
  /** @type {string | undefined} */
  #transport

  constructor() {
    element("flow").append(...this.#bars)
    setInterval(() => this.#shift(), BAR_MS)
  }

  /**
   * A beat came down.
   *
   * @param {string | undefined} transport
   * @param {number} heard how many of ours the hub has heard
   */
  note(transport, heard) {
    this.#transport = transport
    this.#down++
    if (heard < this.#heard) this.#heard = 0 // a new session counts anew
    this.#up += heard - this.#heard
    this.#heard = heard
  }

  /** The oldest bar becomes the newest. */
  #shift() {
    const bar = this.#bars.shift()
    if (bar === undefined) return
    this.#bars.push(bar)
    bar.dataset["transport"] = this.#down > 0 ? this.#transport : "none"
    bar.style.setProperty("--down", height(this.#down))
    bar.style.setProperty("--up", height(this.#up))
    this.#down = 0
    this.#up = 0
    element("flow").append(bar)
  }
}

/** A burst is higher than the steady flow and does not dwarf it. @param {number} count */
function height(count) {
  return String(Math.min(1, Math.sqrt(count / FULL)))
}
