import type { Batch } from "../../transport.ts"
import type { Envelope } from "../envelope.ts"

/** How batches come down. The three HTTP transports differ in nothing else. */
export interface Down {
  /** Which uploads poll as well: all of them; the first (the hello) and then polls go beside them; none. */
  readonly polls: "with uploads" | "beside uploads" | "never"
  /** For how long the hub may hold a poll, in milliseconds. */
  readonly holdMs?: number
  /** The hello was answered: start whatever brings batches down. */
  opened?(envelope: Envelope): void
  /** An upload that polled was answered with this. */
  answered?(brought: Batch | undefined): void
  /** A poll failed after this many milliseconds. */
  cut?(heldMs: number): void
  /** The link is over. */
  stop?(): void
}
