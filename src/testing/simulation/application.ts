import type { Channel } from "../../client/channel.ts"
import type { ChannelOptions } from "../../client/options.ts"
import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { Hub } from "../../server/hub.ts"
import type { HubOptions } from "../../server/options.ts"
import type { Network } from "../network.ts"
import type { Machine, VirtualRuntime } from "../virtual-runtime.ts"
import type { Plan } from "./plan.ts"

/** The world of a simulation, as an application sees it. */
export interface World<C extends Contract<C> = AnyContract> {
  readonly seed: number
  /** What the seed stands for. */
  readonly plan: Plan
  /** The clock of all machines. */
  readonly runtime: VirtualRuntime
  readonly network: Network
  /** Whether nothing has gone wrong so far. A network that is slow from the beginning has nothing wrong. */
  readonly calm: boolean
  /** Hubs that listen now. */
  readonly hubs: readonly Hub<C>[]
  /** Channels that have not closed. */
  readonly channels: readonly Channel<C>[]
  /** Writes a line into the trace that a failure shows. */
  note(who: string, text: string): void
}

/**
 * What runs in a simulation: your own handlers, what your users do, and what must hold. Make a new one for each simulation.
 * Whatever these functions throw fails the simulation.
 */
export interface Application<C extends Contract<C> = AnyContract> {
  /** Options of every hub, over those that the plan gives. */
  readonly hubOptions?: Omit<HubOptions, "runtime">
  /** Options of every channel, over those that the plan gives. */
  readonly channelOptions?: Omit<ChannelOptions, "runtime">
  /**
   * Whether it goes on talking when no user acts, from timers say. Then it is not awaited that everything said is
   * acknowledged, which it never is; `missing` alone tells what must have arrived. Default `false`.
   */
  readonly chatters?: boolean
  /**
   * A hub process has started: set its handlers. Comes again for the process after a restart. `machine` is for your timers:
   * it stops when the hub does, and a channel's sleeps when the tab is frozen.
   */
  hub?(hub: Hub<C>, machine: Machine, world: World<C>): void
  /** A channel has begun: set its handlers. When one closes, another one begins. */
  channel?(channel: Channel<C>, machine: Machine, world: World<C>): void
  /** What users do, by name. Chance says when, and how often which; `random` gives numbers in [0, 1) for the details. */
  readonly acts: Readonly<Record<string, (world: World<C>, random: () => number) => void>>
  /** How many requests of this channel wait for an answer: who tells has its timers counted. */
  waiting?(channel: Channel<C>): number
  /** Looked at after every move: throws when something has happened that must not. */
  check?(world: World<C>): void
  /** Looked at when no fault is left: what has still not arrived, in words; undefined when everything has. */
  missing?(world: World<C>): string | undefined
  /** All channels and all hubs have closed: the last look. */
  closed?(world: World<C>): void
}
