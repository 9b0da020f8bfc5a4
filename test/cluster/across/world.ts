import { type Channel, createChannel } from "everwire"
import { cluster } from "everwire/cluster"
import { type Codec, createHub, type Hub, type HubOptions, type Peer } from "everwire/server"
import {
  createNetwork,
  createVirtualRuntime,
  type Machine,
  type MemoryBackplane,
  type MemoryEnd,
  memoryBackplane,
  type Network,
  type VirtualRuntime,
} from "everwire/testing"

/** One process of a cluster: a hub, its machine, and its end of the backplane. */
interface Process {
  readonly hub: Hub
  readonly machine: Machine
  readonly end: MemoryEnd
  readonly network: Network
  /** What the hub's `onError` heard. */
  readonly errors: unknown[]
}

/** A channel, its peer, and the data of the messages `word` that it heard. */
interface Person {
  readonly channel: Channel
  readonly peer: Peer
  readonly heard: unknown[]
}

export interface World {
  readonly runtime: VirtualRuntime
  readonly bus: MemoryBackplane
  readonly processes: readonly Process[]
  /** The process with this index. */
  at(index: number): Process
  /** A new channel at a process, in these rooms. Its name is the principal's id. */
  person(at: number, name: string, rooms?: readonly string[], codec?: Codec): Promise<Person>
  /** Lets time pass until the promise is settled. */
  settled<Value>(promise: Promise<Value>): Promise<Value>
}

export interface WorldOptions {
  readonly processes: number
  readonly hub?: HubOptions
  /** Options of the hub with this index alone. */
  readonly hubAt?: (index: number) => HubOptions
  readonly seed?: number
  readonly delayMs?: number
  readonly jitterMs?: number
  readonly alone?: boolean
}

/** Time enough for all processes to know each other, and for a subscription or a message. In milliseconds. */
export const KNOWN_MS = 3_000
export const SOON_MS = 200

export async function world(options: WorldOptions): Promise<World> {
  const { seed = 1, delayMs = 1, jitterMs = 0 } = options
  const runtime = createVirtualRuntime({ seed })
  const bus = memoryBackplane({ runtime, delayMs, jitterMs })
  const processes = Array.from({ length: options.processes }, (_, index): Process => {
    const machine = runtime.machine()
    const end = bus.end(machine)
    const network = createNetwork({ runtime, latencyMs: 1 })
    const hub = createHub({
      transports: [network.acceptor("websocket")],
      authenticate: ({ auth }) => ({ id: String(auth) }),
      ...options.hub,
      ...options.hubAt?.(index),
      runtime: machine,
      ...(options.alone !== true && { cluster: cluster(end) }),
    })
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    return { hub, machine, end, network, errors }
  })
  await runtime.pass(KNOWN_MS)
  const at = (index: number): Process => {
    const process = processes[index]
    if (process === undefined) throw new RangeError(`there is no process ${index}`)
    return process
  }
  return {
    runtime,
    bus,
    processes,
    at,
    async person(index, name, rooms = [], codec) {
      const { hub, network } = at(index)
      const channel = createChannel("http://hub", {
        auth: () => name,
        store: null,
        runtime: runtime.machine(),
        transports: [network.dialer("websocket")],
        ...(codec && { codec }),
      })
      const heard: unknown[] = []
      channel.on("word", (data) => heard.push(data))
      await runtime.passUntil(() => channel.status === "open", 10_000)
      const peer = hub.peers.get(channel.peerId ?? "")
      if (peer === undefined) throw new Error(`${name} is not open: ${channel.status}`)
      for (const room of rooms) peer.join(room)
      await runtime.pass(SOON_MS)
      return { channel, peer, heard }
    },
    async settled(promise) {
      let isOver = false
      const over = (): void => {
        isOver = true
      }
      promise.then(over, over)
      await runtime.passUntil(() => isOver, 60_000)
      if (!isOver) throw new Error("not settled in a minute")
      return promise
    },
  }
}
