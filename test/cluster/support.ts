import type { Batch, Channel, Closing, CreateChannelOptions } from "everwire"
import { createChannel } from "everwire"
import { cluster } from "everwire/cluster"
import { createHub, type Hub, type Peer, type WebHubOptions } from "everwire/server"
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

/** One process of a cluster in virtual time. */
export interface Process {
  readonly hub: Hub
  readonly machine: Machine
  readonly backplane: MemoryEnd
  /** The errors that the hub gave to `onError`. */
  readonly failures: unknown[]
  /** The network before this process alone. */
  readonly network: Network
  /** Stops the process as a crash does: its links break and it says nothing more. */
  kill(): void
}

/** A link that a test writes to by hand. */
export interface RawLink {
  send(batch: string): void
  readonly received: Batch[]
  /** Why the other end closed it. */
  readonly closings: Closing[]
}

/** Several hubs of one cluster, on a network of which a test says which hub each dial reaches. */
export interface World {
  readonly runtime: VirtualRuntime
  readonly bus: MemoryBackplane
  readonly processes: readonly Process[]
  /** The process that the next dials reach. Undefined: each dial reaches the next one. */
  reach(index: number | undefined): void
  /** The function says which process each dial reaches from now on. Undefined: none can be reached. */
  choose(choice: () => Process | undefined): void
  /** Cuts every link. */
  cut(): void
  dial(options?: CreateChannelOptions): Channel
  /** Opens a link to this process by hand. */
  link(index: number): RawLink
  start(options?: WebHubOptions): Process
}

/** Makes a world with so many processes that have found each other. */
export async function createWorld(
  count: number,
  options: WebHubOptions = {},
  own: { readonly seed?: number } = {},
): Promise<World> {
  const runtime = createVirtualRuntime(own)
  const bus = memoryBackplane({ runtime })
  const processes: Process[] = []
  let reached: number | undefined
  let choose: (() => Process | undefined) | undefined
  let turn = 0
  const start = (own: WebHubOptions = {}): Process => {
    const machine = runtime.machine()
    const backplane = bus.end(machine)
    const failures: unknown[] = []
    const network = createNetwork({ runtime })
    const hub = createHub({
      runtime: machine,
      cluster: cluster(backplane),
      transports: [network.acceptor("wire"), "long-poll"],
      ...options,
      ...own,
    })
    hub.onError((error) => failures.push(error))
    const kill = (): void => {
      machine.halt()
      backplane.cut()
      network.crash()
    }
    const process = { hub, machine, backplane, failures, network, kill }
    processes.push(process)
    return process
  }
  for (let at = 0; at < count; at++) start()
  const world: World = {
    runtime,
    bus,
    processes,
    reach(index) {
      reached = index
    },
    choose(choice) {
      choose = choice
    },
    cut() {
      for (const { network } of processes) network.cut()
    },
    dial: (channelOptions) =>
      createChannel("http://hub", {
        runtime,
        store: null,
        transports: [
          {
            name: "wire",
            supported: () => true,
            dial: (target, sink) => {
              const index = reached ?? turn++ % processes.length
              const to = choose === undefined ? processes[index] : choose()
              if (to === undefined) throw new Error(`no process ${index}`)
              return to.network.dialer("wire").dial(target, sink)
            },
          },
        ],
        ...channelOptions,
      }),
    link(index) {
      const received: Batch[] = []
      const closings: Closing[] = []
      const network = processes[index]?.network
      if (network === undefined) throw new Error(`no process ${index}`)
      const target = {
        url: "http://hub",
        runtime,
        platform: {},
        withCredentials: false,
        holdMs: 25_000,
        learnHold() {},
      }
      const link = network.dialer("wire").dial(target, {
        batch: (batch) => void received.push(batch),
        closed: (why) => void closings.push(why),
        writable() {},
      })
      return { send: (batch) => link.send(batch), received, closings }
    },
    start,
  }
  await runtime.pass(3_000)
  return world
}

/** Counts what arrives of two flows of numbers, one each way. */
export interface Flow {
  say(): void
  readonly said: number
  readonly up: number[]
  readonly down: number[]
  readonly resets: unknown[]
}

/** Lets a channel and its peer send each other 0, 1, 2 and so on. */
export function startFlow(world: World, channel: Channel): Flow {
  const flow = { up: [] as number[], down: [] as number[], resets: [] as unknown[], said: 0 }
  let peer: Peer | undefined
  for (const { hub } of world.processes) {
    hub.on("up", (data, from) => {
      peer = from
      flow.up.push(data as number) // the flow sends numbers alone
    })
  }
  channel.on("down", (data) => flow.down.push(data as number)) // as above
  channel.onReset((reset) => flow.resets.push(reset))
  return Object.assign(flow, {
    say() {
      const number = flow.said++
      channel.send("up", number)
      peer?.send("down", number)
    },
  })
}

/** 0, 1, 2 and so on. */
export function countTo(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

/** The hello of a session that nobody knows yet. `letter` makes the session's id. */
export function helloOf(letter: string, more: object = {}): string {
  const id = letter.repeat(24)
  const hello = { v: 1, id, key: `${letter.repeat(23)}k`, heard: 0, acked: 0, turn: 1, holder: "h".repeat(24), ...more }
  return `h${JSON.stringify(hello)}`
}
