import type { Line, Strand } from "./neighbours.ts"

/** What the two ends of a hand-over say. The process that has the session: */
export const OFFER = 31
export const HOLD = 32
export const GO = 33
export const STAY = 34
/** What `GO` has told, on a strand of its own because the other one was lost. */
export const GO_AGAIN = 35
/** The process that is to have it: */
export const READY = 36
export const HELD = 37
export const BEGUN = 38

/** How long another process may take for an answer, in milliseconds. */
const ANSWER_MS = 2_000

/** What the other process says to an offer. */
export class Offer implements Strand {
  line: Line | undefined
  readonly #after: (delayMs: number, run: () => void) => () => void
  #resolve: (what: number | undefined) => void = () => {}
  #isLost = false

  constructor(after: (delayMs: number, run: () => void) => () => void) {
    this.#after = after
  }

  /** Whether this is what the other process says next, in time. */
  says(expected: number): Promise<boolean> {
    if (this.#isLost) return Promise.resolve(false)
    return new Promise((resolve) => {
      const cancel = this.#after(ANSWER_MS, () => resolve(false))
      this.#resolve = (what) => {
        cancel()
        resolve(what === expected)
      }
    })
  }

  hear(what: number): void {
    this.#resolve(what)
  }

  lost(): void {
    this.#isLost = true
    this.#resolve(undefined)
  }

  /** Tells it to go on: `last` is what `GO` tells. Resolves with whether it does. */
  goes(last: readonly unknown[]): Promise<boolean> {
    this.line?.say(GO, ...last)
    return this.says(BEGUN)
  }

  /** The last word. */
  say(what: number, ...args: unknown[]): void {
    this.line?.say(what, ...args)
    this.line?.end()
  }

  end(): void {
    this.line?.end()
  }
}
