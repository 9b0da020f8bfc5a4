import type { Closing } from "../../wire/errors.ts"

/** One thing that happened to the connection. */
export interface Incident {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly transport: string
  /**
   * `dialed`: its hello was sent. `welcomed`: the hub answered, so the transport works. `took-over`: its link carries
   * the session from now on. `proved`: a second batch came on a stream, or on the first link after a doubt. `doubted`: no
   * answer came in time. `closed`: the link ended; see `closing`. `let-go`: it was not needed, because a better or an
   * earlier link is in use.
   */
  readonly what: "dialed" | "welcomed" | "took-over" | "proved" | "doubted" | "closed" | "let-go"
  /** Milliseconds since the dial. */
  readonly ageMs: number
  readonly closing: Closing | undefined
}
