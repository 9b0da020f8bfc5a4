import { type Channel, createChannel } from "everwire"
import { createHub, type Peer } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Network, type VirtualRuntime } from "everwire/testing"

interface Words {
  up: { bulk: string; chat: number }
  down: { bulk: string; chat: number }
  requests: object
}

/** A slow network without other faults. */
export interface Slow {
  readonly bytesPerSecond: number
  readonly roundTripMs: number
  /** The size of the queue in bytes. Undefined for an unbounded one, as in a modem. */
  readonly queueBytes: number | undefined
  readonly transports?: readonly string[]
}

const MODEM = undefined
const ROUTER = 64_000

/**
 * From 20 kbit/s to 20 Mbit/s, with short and long round trips, bounded queues (routers) and unbounded ones (modems).
 */
export const NETWORKS: readonly Slow[] = [
  { bytesPerSecond: 2_500, roundTripMs: 200, queueBytes: MODEM },
  { bytesPerSecond: 18_750, roundTripMs: 20, queueBytes: MODEM },
  { bytesPerSecond: 18_750, roundTripMs: 600, queueBytes: ROUTER },
  { bytesPerSecond: 62_500, roundTripMs: 200, queueBytes: MODEM },
  { bytesPerSecond: 250_000, roundTripMs: 20, queueBytes: ROUTER },
  { bytesPerSecond: 250_000, roundTripMs: 600, queueBytes: 2_000_000 },
  { bytesPerSecond: 250_000, roundTripMs: 200, queueBytes: MODEM, transports: ["websocket"] },
  { bytesPerSecond: 2_500_000, roundTripMs: 200, queueBytes: MODEM },
]

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]

/** What one end has heard. */
interface Heard {
  readonly bulks: string[]
  /** When the last bulk message was heard. */
  bulkAt: number
  /** For each chat line: when it was sent, and how long it took. */
  readonly lines: { readonly saidAt: number; readonly ageMs: number }[]
}

/** An end that sends: the channel, or the hub's peer. */
export interface Side {
  send(name: "bulk", bulk: string): boolean
  send(name: "chat", saidAt: number): boolean
  writable(): Promise<void>
}

export type Way = "up" | "down"

/** A channel and a hub on a slow network, from the first dial on. */
export class SlowPlace {
  readonly slow: Slow
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly channel: Channel<Words>
  readonly transports: readonly string[]
  readonly startedAt: number
  /** `up`: what the hub has heard. `down`: what the channel has heard. */
  readonly heard: Readonly<Record<Way, Heard>> = {
    up: { bulks: [], bulkAt: 0, lines: [] },
    down: { bulks: [], bulkAt: 0, lines: [] },
  }
  /** Each status of the channel since the first dial. */
  readonly statuses: string[] = []
  /** The number of dials when the channel first opened. */
  dialsAtOpen: number | undefined
  #peer: Peer<Words> | undefined

  constructor(slow: Slow, onPeer: (peer: Peer<Words>) => void = () => {}) {
    const { bytesPerSecond, roundTripMs, queueBytes, transports = LADDER } = slow
    this.slow = slow
    this.transports = transports
    const runtime = createVirtualRuntime()
    this.runtime = runtime
    this.startedAt = runtime.now()
    const limits = { upBytesPerSecond: bytesPerSecond, downBytesPerSecond: bytesPerSecond, queueBytes }
    this.network = createNetwork({ runtime, latencyMs: roundTripMs / 2, limits })
    const hub = createHub<Words>({ runtime, transports: transports.map((name) => this.network.acceptor(name)) })
    hub.onPeer((peer) => {
      this.#peer = peer
      onPeer(peer)
    })
    hub.on("bulk", (bulk) => this.#hearBulk("up", bulk))
    hub.on("chat", (saidAt) => this.#hearLine("up", saidAt))
    this.channel = createChannel<Words>("http://hub", {
      store: null,
      runtime,
      transports: transports.map((name) => this.network.dialer(name, { streamed: name === "sse" })),
    })
    this.channel.on("bulk", (bulk) => this.#hearBulk("down", bulk))
    this.channel.on("chat", (saidAt) => this.#hearLine("down", saidAt))
    this.channel.onStatus((status) => {
      this.statuses.push(status)
      if (status === "open") this.dialsAtOpen ??= this.network.dials
    })
  }

  /** The end that sends in this direction. */
  side(way: Way): Side {
    const side: unknown = way === "up" ? this.channel : this.#peer
    if (side === undefined) throw new Error("the hub has no peer yet")
    return side as Side // A channel and a peer send the same messages, and both have writable().
  }

  /** Lets time pass until the channel is open, and one second more, in which the parallel dials are closed. */
  async open(): Promise<void> {
    await this.runtime.passUntil(() => this.channel.status === "open", 10_000)
    await this.runtime.pass(1_000)
  }

  /** Sends bulk messages one after another, and waits for writable() whenever send() returns false. */
  async sayInPieces(way: Way, pieces: readonly string[]): Promise<void> {
    const side = this.side(way)
    for (const piece of pieces) if (!side.send("bulk", piece)) await side.writable()
  }

  /** Sends the current time once a second, `lines` times. */
  chat(way: Way, lines: number): void {
    if (lines === 0) return
    this.side(way).send("chat", this.runtime.now())
    this.runtime.after(1_000, () => this.chat(way, lines - 1))
  }

  #hearBulk(way: Way, bulk: string): void {
    this.heard[way].bulks.push(bulk)
    this.heard[way].bulkAt = this.runtime.now()
  }

  #hearLine(way: Way, saidAt: number): void {
    this.heard[way].lines.push({ saidAt, ageMs: this.runtime.now() - saidAt })
  }
}

/** The title of a network in the tests. */
export function describeSlow({ bytesPerSecond, roundTripMs, queueBytes, transports }: Slow): string {
  const queue = queueBytes === undefined ? "a modem" : `a queue of ${queueBytes / 1_000} kB`
  const ladder = transports === undefined ? "" : `, ${transports.join(" ")} alone`
  return `${(bytesPerSecond * 8) / 1_000} kbit/s, ${roundTripMs} ms, ${queue}${ladder}`
}

/**
 * `many` texts of `bytes` characters, each with its number in every 10 characters, so that mixed-up parts are noticed.
 */
export function bulksOf(many: number, bytes: number): string[] {
  return Array.from({ length: many }, (_, n) => {
    const parts = Array.from({ length: Math.ceil(bytes / 10) }, (_, part) => `${n}.${part}`.padStart(10, "-"))
    return parts.join("").slice(0, bytes)
  })
}
