// @ts-check
import { create, element } from "./dom.mjs"

const BARS = 75
const BAR_MS = 400
/** How many beats a full bar shows: a burst after three seconds of silence. */
const FULL = 16

/** A chart of the last thirty seconds: beats down above the line, beats up below, in the colour of their transport. */
export class Flow {
  #bars = Array.from({ length: BARS }, () => create("i", "bar"))
  #down = 0
  #up = 0
  /** How many beats the hub had received when the last bar ended. */
  #heard = 0
  /** @type {string | undefined} */
  #transport

  constructor() {
    element("flow").append(...this.#bars)
    setInterval(() => this.#shift(), BAR_MS)
  }

  /**
   * Counts a beat from the hub.
   *
   * @param {string | undefined} transport
   * @param {number} heard how many beats of this page the hub has received
   */
  note(transport, heard) {
    this.#transport = transport
    this.#down++
    if (heard < this.#heard) this.#heard = 0 // a new session counts from 0
    this.#up += heard - this.#heard
    this.#heard = heard
  }

  /** Reuses the oldest bar as the newest. */
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

/** The height of a bar. It grows slower than the count, so a burst does not dwarf the rest. @param {number} count */
function height(count) {
  return String(Math.min(1, Math.sqrt(count / FULL)))
}
