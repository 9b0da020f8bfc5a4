import type { Channel } from "../../client/channel.ts"
import type { Contract } from "../../messaging/contract.ts"
import type { Hub } from "../../server/hub.ts"
import type { Closing } from "../../wire/errors.ts"
import type { Machine } from "../virtual-runtime.ts"

/** A hub process of the simulation. */
export interface RunningHub<C extends Contract<C>> {
  readonly name: string
  readonly hub: Hub<C>
  readonly machine: Machine
  /** A second machine, for the application's timers. It is halted when the hub closes or crashes. */
  readonly own: Machine
  readonly startedAt: number
  /** When it had closed wholly, or crashed. Undefined before. */
  endedAt: number | undefined
  /** Set when it begins to drain. `wasSteady`: whether the processes knew the truth about each other then. */
  drain: { readonly since: number; readonly drainMs: number; readonly wasSteady: boolean } | undefined
  /** Ids of the peers whose sessions ended because the hub closed while the processes knew the truth about each other. */
  readonly cutOff: string[]
}

/** A channel and the machine that it runs on (a tab, for example). */
export interface RunningChannel<C extends Contract<C>> {
  readonly name: string
  readonly channel: Channel<C>
  readonly machine: Machine
  /**
   * A second machine, for the application's timers. It sleeps with the first one, and is halted when the channel
   * closes.
   */
  readonly own: Machine
  /** Why the channel closed; undefined while it has not. */
  ended: Closing | undefined
  /** Since when the channel has been open without interruption. */
  openAt: number | undefined
  /** Whether the channel has given up a session although its link worked, or its process still has it: a fault. */
  gaveUp: boolean
  /** Id of the peer when the channel was open last. */
  peer: string | undefined
}
