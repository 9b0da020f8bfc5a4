import type { Channel } from "../../client/channel.ts"
import type { ChannelOptions } from "../../client/options.ts"
import type { AnyContract, Contract } from "../../messaging/contract.ts"
import type { Hub } from "../../server/hub.ts"
import type { HubOptions } from "../../server/options.ts"
import type { Network } from "../network.ts"
import type { Machine, VirtualRuntime } from "../virtual-runtime.ts"
import type { Plan } from "./plan.ts"

/** The hubs, channels and network of a simulation, as its application sees them. */
export interface World<C extends Contract<C> = AnyContract> {
  readonly seed: number
  /** The plan that was drawn from the seed. */
  readonly plan: Plan
  /** The clock of all machines. */
  readonly runtime: VirtualRuntime
  readonly network: Network
  /** Whether there was no fault so far. A network that is slow from the beginning is no fault. */
  readonly calm: boolean
  /**
   * Whether the processes of a cluster know the truth about each other: no fault of their backplane and no pause of a
   * process lasts or has just ended. Without a cluster always `true`.
   */
  readonly steady: boolean
  /** The hubs that listen now, without those whose process stands still. */
  readonly hubs: readonly Hub<C>[]
  /** The channels that have not closed. */
  readonly channels: readonly Channel<C>[]
  /** Writes a line into the trace that a failure shows. */
  note(who: string, text: string): void
}

/**
 * What runs in a simulation: your handlers, the acts of your users, and your checks. Make a new object for each
 * simulation. Any error that one of these functions throws fails the simulation.
 */
export interface Application<C extends Contract<C> = AnyContract> {
  /** Options of every hub. They override those of the plan. */
  readonly hubOptions?: Omit<HubOptions, "runtime">
  /** Options of every channel. They override those of the plan. */
  readonly channelOptions?: Omit<ChannelOptions, "runtime">
  /**
   * Whether the application sends messages without an act of a user, for example from timers. Then there is always a
   * message that is not acknowledged, so the simulation does not wait for acks at the end; only `missing` says what
   * must have arrived. Default `false`.
   */
  readonly chatters?: boolean
  /**
   * Called for each hub process that starts, so again after a restart: set the hub's handlers here. Use `machine` for
   * your own timers: it stops when the hub does.
   */
  hub?(hub: Hub<C>, machine: Machine, world: World<C>): void
  /**
   * Called for each new channel: set its handlers here. When a channel closes, another one is made. Use `machine` for
   * your own timers: it sleeps when the tab is frozen, and stops when the channel closes.
   */
  channel?(channel: Channel<C>, machine: Machine, world: World<C>): void
  /**
   * The acts of your users, by name. The seed decides when each is called and how often; `random` returns numbers in
   * [0, 1) for the details of an act.
   */
  readonly acts: Readonly<Record<string, (world: World<C>, random: () => number) => void>>
  /**
   * The number of this channel's requests that wait for an answer, and one more if it sends messages with `ttlMs`. If it is given, the channel's timers are counted.
   */
  waiting?(channel: Channel<C>): number
  /** Called after every move. Throws when something has happened that must not. */
  check?(world: World<C>): void
  /** Called after the last fault: says in words what has not arrived yet; undefined when everything has. */
  missing?(world: World<C>): string | undefined
  /** Called once, when all channels and all hubs have closed. Throws when something is wrong. */
  closed?(world: World<C>): void
}
