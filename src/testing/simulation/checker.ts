import type { Contract } from "../../messaging/contract.ts"
import type { SimulatedWorld } from "./simulated-world.ts"

/** Checks one property of the simulated world, and throws {@link Broken} when it does not hold. */
export interface Checker {
  /** Called after every move. */
  check?<C extends Contract<C>>(world: SimulatedWorld<C>): void
  /** Called once, after every channel and every hub was closed. */
  closed?<C extends Contract<C>>(world: SimulatedWorld<C>): void
}
