import { Channel } from "../client/channel.ts"
import type { ChannelOptions } from "../client/options.ts"
import type { AnyContract, Contract } from "../messaging/contract.ts"
import type { ChannelContract, ContractOption, HubContract } from "../messaging/schema-contract.ts"
import { Hub } from "../server/hub.ts"
import type { HubOptions } from "../server/options.ts"
import type { Peer } from "../server/peer.ts"
import type { Limits } from "./line.ts"
import { createNetwork } from "./memory-network.ts"
import type { Network } from "./network.ts"
import { createVirtualRuntime, type Machine, type VirtualRuntime } from "./virtual-runtime.ts"

/** Options of a duo. With a contract that has schemas, `H` is the hub's side of it: `HubContractOf`. */
export interface DuoOptions<C extends Contract<C> = AnyContract, H extends Contract<H> = C> {
  /** Sets the hub's handlers. Called once for every hub process, so again in `startHub`. */
  readonly serve?: (hub: Hub<H>) => void
  /** Options of the hub. */
  readonly hub?: Omit<HubOptions, "runtime"> &
    ContractOption<HubContract<H> & { readonly "~types": { readonly channel: C } }>
  /** Options of the channel. */
  readonly channel?: Omit<ChannelOptions, "runtime"> & ContractOption<ChannelContract<C>>
  /** Names of the channel's transports, best first. Default the four built-in ones. */
  readonly transports?: readonly string[]
  /** One-way delay of the network in milliseconds. Default 10. */
  readonly latencyMs?: number
  /** Upper bound of a random delay that is added to the latency, in milliseconds. Default 0. */
  readonly jitterMs?: number
  /** Rate and queue of the network. Default no limits. */
  readonly limits?: Limits
  /** Seed of all random numbers. Default 1. */
  readonly seed?: number
}

/** A hub and a channel on one virtual network, for the tests of an application. */
export interface Duo<C extends Contract<C> = AnyContract, H extends Contract<H> = C> {
  /** The clock. It moves only in `pass`, `passUntil` and the other methods that move it. */
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly channel: Channel<C>
  /** The machine that the channel runs on. `tab.sleep()` freezes the channel as a browser freezes a tab. */
  readonly tab: Machine
  /** The hub that was started last. */
  readonly hub: Hub<H>
  /** What handlers and listeners of both ends threw while there was no `onError` listener. */
  readonly errors: readonly unknown[]
  /** The hub's peer for the channel. @throws Error while the hub that was started last has none */
  readonly peer: Peer<H>
  /**
   * Shuts the hub down as a deploy does. Resolves when it has closed, at most `drainMs` of virtual time (default 0)
   * later.
   */
  closeHub(options?: { readonly drainMs?: number }): Promise<void>
  /** Kills the hub's process: the hub sends nothing more, and its links are cut. */
  crashHub(): void
  /** Starts another hub process, which replaces the one before it. Returns its hub. */
  startHub(): Hub<H>
}

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]
/** A channel opens within this time on a network without faults, unless `auth` or `authenticate` never settles. */
const OPEN_MS = 30_000

/**
 * Makes a hub and a channel, and resolves when the channel is open. It needs no port and no real time.
 *
 * @throws Error (as a rejection) when the channel does not open, for example because `authenticate` refuses it.
 * @example
 * const { channel, runtime, network } = await createDuo<Chat>({ serve: setUpChat })
 * network.cut()
 * channel.send("chat", { text: "still here?" })
 * await runtime.pass(1_000)
 */
export async function createDuo<C extends Contract<C> = AnyContract, H extends Contract<H> = C>(
  options: DuoOptions<C, H> = {},
): Promise<Duo<C, H>> {
  const duo = new VirtualDuo<C, H>(options)
  await duo.open()
  return duo
}

class VirtualDuo<C extends Contract<C>, H extends Contract<H>> implements Duo<C, H> {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly channel: Channel<C>
  readonly tab: Machine
  readonly #options: DuoOptions<C, H>
  /** The machines of all hubs so far. */
  readonly #machines: Machine[] = []
  #running: { readonly hub: Hub<H>; readonly machine: Machine }

  constructor(options: DuoOptions<C, H>) {
    const { seed, latencyMs, jitterMs, limits, transports = LADDER } = options
    this.#options = options
    this.runtime = createVirtualRuntime({ ...(seed !== undefined && { seed }) })
    this.network = createNetwork({
      runtime: this.runtime,
      ...(latencyMs !== undefined && { latencyMs }),
      ...(jitterMs !== undefined && { jitterMs }),
      limits,
    })
    this.tab = this.runtime.machine()
    this.#running = this.#start()
    this.channel = new Channel<C>(
      "http://hub",
      { store: null, ...options.channel, runtime: this.tab },
      transports.map((name) => this.network.dialer(name, { streamed: name === "sse" })),
    )
  }

  get hub(): Hub<H> {
    return this.#running.hub
  }

  get errors(): readonly unknown[] {
    return [...this.tab.reported, ...this.#machines.flatMap(({ reported }) => reported)]
  }

  get peer(): Peer<H> {
    const peer = this.hub.peers.get(this.channel.peerId ?? "")
    if (peer === undefined) throw new Error(`the hub has no peer of the channel, which is ${this.channel.status}`)
    return peer
  }

  /** Lets time pass until the channel is open. */
  async open(): Promise<void> {
    const { runtime, channel } = this
    const isOpen = await runtime.passUntil(() => channel.status === "open" || channel.status === "closed", OPEN_MS)
    if (isOpen && channel.status === "open") return
    throw new Error(`the channel did not open: it is ${channel.status}, ${channel.explain().why}`)
  }

  async closeHub({ drainMs = 0 }: { readonly drainMs?: number } = {}): Promise<void> {
    let closed = false
    void this.hub.close({ drainMs }).then(() => {
      closed = true
    })
    await this.runtime.passUntil(() => closed, drainMs)
  }

  crashHub(): void {
    const { machine } = this.#running
    machine.halt()
    this.network.crash(machine)
  }

  startHub(): Hub<H> {
    this.#running = this.#start()
    return this.hub
  }

  #start(): { readonly hub: Hub<H>; readonly machine: Machine } {
    const { hub: options, serve, transports = LADDER } = this.#options
    const machine = this.runtime.machine()
    this.#machines.push(machine)
    const hub = new Hub<H>(
      { ...options, runtime: machine },
      transports.map((name) => this.network.acceptor(name)),
    )
    serve?.(hub)
    return { hub, machine }
  }
}
