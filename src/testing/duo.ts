import { Channel } from "../client/channel.ts"
import type { ChannelOptions } from "../client/options.ts"
import type { AnyContract, Contract } from "../messaging/contract.ts"
import { Hub } from "../server/hub.ts"
import type { HubOptions } from "../server/options.ts"
import type { Peer } from "../server/peer.ts"
import type { Limits } from "./line.ts"
import { createNetwork, type Network } from "./network.ts"
import { createVirtualRuntime, type Machine, type VirtualRuntime } from "./virtual-runtime.ts"

/** Options of a duo. */
export interface DuoOptions<C extends Contract<C> = AnyContract> {
  /** Sets the hub's handlers. Called for every hub process: again after `startHub`. */
  readonly serve?: (hub: Hub<C>) => void
  /** Options of the hub. */
  readonly hub?: Omit<HubOptions, "runtime">
  /** Options of the channel. */
  readonly channel?: Omit<ChannelOptions, "runtime">
  /** The ladder, best first. Default the names of the four built-in transports. */
  readonly transports?: readonly string[]
  /** One-way delay of the network in milliseconds. Default 10. */
  readonly latencyMs?: number
  /** What chance may add to it, in milliseconds. Default 0. */
  readonly jitterMs?: number
  /** How fast the network carries. Default without limits. */
  readonly limits?: Limits
  /** Every chance is drawn from it. Default 1. */
  readonly seed?: number
}

/** A hub and a channel on one virtual network, for the tests of an application. */
export interface Duo<C extends Contract<C> = AnyContract> {
  /** The clock. It stands still but for `pass`, `passUntil` and their like. */
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly channel: Channel<C>
  /** The machine that the channel runs on: put it to sleep and you have a frozen tab. */
  readonly tab: Machine
  /** The hub that was started last. */
  readonly hub: Hub<C>
  /** What handlers and listeners of either end threw while nobody listened with `onError`. */
  readonly errors: readonly unknown[]
  /** The hub's view of the channel. @throws Error while that hub has none */
  readonly peer: Peer<C>
  /** Shuts the hub down as a deploy does; resolves when it has, after at most `drainMs` (default 0) of virtual time. */
  closeHub(options?: { readonly drainMs?: number }): Promise<void>
  /** The hub's process dies without a word; its links are cut. */
  crashHub(): void
  /** Starts another hub process, in the place of the one before. */
  startHub(): Hub<C>
}

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]
/** Longer than this no channel takes to open where nothing is in the way, unless `auth` or `authenticate` never answer. */
const OPEN_MS = 30_000

/**
 * Makes a hub and a channel that is open when the promise resolves. Nothing of it needs a port or real time.
 *
 * @throws Error (as a rejection) when the channel does not open, because `authenticate` refuses it, say.
 * @example
 * const { channel, runtime, network } = await createDuo<Chat>({ serve: setUpChat })
 * network.cut()
 * channel.send("chat", { text: "still here?" })
 * await runtime.pass(1_000)
 */
export async function createDuo<C extends Contract<C> = AnyContract>(options: DuoOptions<C> = {}): Promise<Duo<C>> {
  const duo = new VirtualDuo<C>(options)
  await duo.open()
  return duo
}

class VirtualDuo<C extends Contract<C>> implements Duo<C> {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly channel: Channel<C>
  readonly tab: Machine
  readonly #options: DuoOptions<C>
  /** Of all hubs there were. */
  readonly #machines: Machine[] = []
  #running: { readonly hub: Hub<C>; readonly machine: Machine }

  constructor(options: DuoOptions<C>) {
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

  get hub(): Hub<C> {
    return this.#running.hub
  }

  get errors(): readonly unknown[] {
    return [...this.tab.reported, ...this.#machines.flatMap(({ reported }) => reported)]
  }

  get peer(): Peer<C> {
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

  startHub(): Hub<C> {
    this.#running = this.#start()
    return this.hub
  }

  #start(): { readonly hub: Hub<C>; readonly machine: Machine } {
    const { hub: options, serve, transports = LADDER } = this.#options
    const machine = this.runtime.machine()
    this.#machines.push(machine)
    const hub = new Hub<C>(
      { ...options, runtime: machine },
      transports.map((name) => this.network.acceptor(name)),
    )
    serve?.(hub)
    return { hub, machine }
  }
}
