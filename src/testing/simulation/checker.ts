import type { Contract } from "../../messaging/contract.ts"
import type { SimulatedWorld } from "./simulated-world.ts"

/** Stands beside the system and watches one thing. It throws {@link Broken} when that is not as it must be. */
export interface Checker {
  /** After every move. */
  check?<C extends Contract<C>>(world: SimulatedWorld<C>): void
  /** After every channel and every hub was closed. */
  closed?<C extends Contract<C>>(world: SimulatedWorld<C>): void
}
