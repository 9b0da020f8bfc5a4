import type { Packet } from "../../wire/batch.ts"
import type { Closing } from "../../wire/errors.ts"
import type { OwnAttempt } from "./attempt.ts"
import type { Climb } from "./climb.ts"
import type { Candidate } from "./ladder.ts"

/** A race of rungs. It ends when one link is trusted and no other attempt is open, or when all attempts have failed. */
type Climbing = {
  readonly phase: "climbing"
  readonly auth: unknown
  plan: Candidate[]
  failed: OwnAttempt[]
} & {
  -readonly [Part in keyof Climb]: Climb<OwnAttempt>[Part]
}

export type State =
  | { readonly phase: "idle" }
  /** The application's `auth` was called and has not answered yet. */
  | { readonly phase: "asking" }
  | Climbing
  /** One link carries the session. If there are better rungs, they are tried again later. */
  | { readonly phase: "settled" }
  | { readonly phase: "waiting" }
  | { readonly phase: "closed" }

/** Climbs, waits between climbs, and judges what the end of a link means for both. */
export interface Climber {
  readonly state: Readonly<State>
  /** Why a link ended last, or why none could be dialed. */
  readonly lastClosing: Closing
  /** Begins the first climb. */
  open(): void
  /** Begins a climb. It asks the application for fresh credentials first. */
  ask(): void
  /** Does everything that is due in this climb, then sets the alarm for the next step. */
  advance(): void
  /** Dials a rung of this climb, or says another hello on the link of `again`. */
  dial(rank: number, again?: OwnAttempt): void
  /** Makes the link of this welcomed attempt carry the session. `rest`: what came with the welcome. */
  adopt(attempt: OwnAttempt, rest?: readonly Packet[]): void
  /** The link of this attempt works. Worse ones are let go, and no further rung is dialed in this climb. */
  trust(attempt: OwnAttempt): void
  /** The link of an attempt has ended. */
  closed(attempt: OwnAttempt, why: Closing): void
  /** Ends the link of an attempt from this side. `mute`: see `stop`. `why`: by default that nothing came in time. */
  end(attempt: OwnAttempt, mute?: boolean, why?: Closing): void
  /** The hub has forgotten the session, most likely because it was restarted. */
  restarted(): void
  /** Another tab has given a connection up, or waits for this one's. */
  freed(): void
  /** No link works: waits, then begins a climb. */
  wait(waitMs: number): void
  /** See `Connector.nudge`. */
  nudge(forgive: boolean): void
  /** Ends everything, because of the network or the hub. The channel is told. */
  fatal(why: Closing): void
  /** Ends everything. */
  shut(why: Closing): void
}
