import type { Closing } from "../../wire/errors.ts"

/** One thing that happened to the connection. */
export interface Incident {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly transport: string
  /**
   * `dialed`; `welcomed` (it works); `took-over` (it carries the talk from now on); `proved` (a stream let a second batch
   * through); `doubted` (no answer in time); `closed` (with why); `let-go` (a better or an earlier one is in use).
   */
  readonly what: "dialed" | "welcomed" | "took-over" | "proved" | "doubted" | "closed" | "let-go"
  /** Milliseconds since it was dialed. */
  readonly ageMs: number
  readonly closing: Closing | undefined
}
