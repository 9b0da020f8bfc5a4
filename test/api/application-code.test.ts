import type { Status } from "everwire"
import { type Channel, createChannel } from "everwire/core"
import { createHub, type Hub, type Peer } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Machine, type Network, type VirtualRuntime } from "everwire/testing"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

/** Unhandled rejections and uncaught exceptions, which would have ended the process. */
const fatal: unknown[] = []
const noteFatal = (error: unknown): void => void fatal.push(error)

beforeEach(() => {
  fatal.length = 0
  process.on("unhandledRejection", noteFatal)
  process.on("uncaughtException", noteFatal)
})

afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve)) // Node looks for unhandled rejections only after the tick.
  process.off("unhandledRejection", noteFatal)
  process.off("uncaughtException", noteFatal)
  expect(fatal).toEqual([])
})

const failure = new Error("of the application")

// biome-ignore-start lint/suspicious/noThenProperty: promises of odd makes are the point
/** Ways for a callback to fail. `onError` must hear of each, once. */
const failures: Record<string, (world: World) => unknown> = {
  throws: () => {
    throw failure
  },
  rejects: async () => {
    throw failure
  },
  "rejects later": (world) => new Promise((_, reject) => world.runtime.after(40, () => reject(failure))),
  "gives a thenable that rejects twice": () => ({
    then(_: unknown, reject: (error: unknown) => void) {
      reject(failure)
      reject(failure)
    },
  }),
  "gives a thenable that throws": () => ({
    then() {
      throw failure
    },
  }),
  "gives a thenable that rejects, then throws": () => ({
    then(_: unknown, reject: (error: unknown) => void) {
      reject(failure)
      throw new Error("too late to matter")
    },
  }),
  "gives a function that is a promise": () =>
    Object.assign(() => {}, { then: (_: unknown, reject: (error: unknown) => void) => reject(failure) }),
  "gives what throws when asked for `then`": () => ({
    get then() {
      throw failure
    },
  }),
}

/** Return values and behaviour that are no failure of a listener. */
const nonsense: Record<string, (world: World) => unknown> = {
  "gives null": () => null,
  "gives a symbol": () => Symbol("nonsense"),
  "gives a thenable that resolves twice, then throws": () => ({
    then(resolve: (value: unknown) => void) {
      resolve(1)
      resolve(2)
      throw failure
    },
  }),
  "gives an object whose `then` is a number": () => ({ then: 1 }),
  hangs: () => new Promise(() => {}),
  "calls back into the library": ({ channel, hub }) => {
    if (channel.status !== "closed") channel.send("chatter", 1)
    hub.send("chatter", 1)
    channel.explain()
    channel.retry()
    channel.flush().catch(() => {})
  },
}
// biome-ignore-end lint/suspicious/noThenProperty: as above

/** What a callback may close while it runs. */
const closings: Record<string, (world: World) => unknown> = {
  "closes the channel": ({ channel }) => channel.close(),
  "closes the channel without waiting": ({ channel }) => channel.close({ flushMs: 0 }),
  "closes the hub": ({ hub }) => hub.close(),
  "closes every peer": ({ hub }) => {
    for (const peer of hub.peers.values()) peer.close()
  },
}

/** A hub and a channel on one virtual network. */
interface World {
  readonly runtime: VirtualRuntime
  readonly network: Network
  /** The machine that the channel runs on. */
  readonly tab: Machine
  readonly channel: Channel
  /** The hub that was started last. */
  readonly hub: Hub
  /** The first peer that connected. */
  readonly peer: Peer
  /** Errors that no listener took, as the runtimes reported them. */
  readonly reported: readonly unknown[]
  crashHub(): void
  startHub(): void
}

const LADDER = ["websocket", "long-poll"]

function createWorld(serve: (hub: Hub) => void, channelOptions = {}, hubOptions = {}): World {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime, latencyMs: 10 })
  const tab = runtime.machine()
  const machines: Machine[] = []
  let hub: Hub | undefined
  let peer: Peer | undefined
  const startHub = (): void => {
    const machine = runtime.machine()
    machines.push(machine)
    const started = createHub({
      ...hubOptions,
      runtime: machine,
      transports: LADDER.map((name) => network.acceptor(name)),
    })
    hub = started
    started.onPeer((next) => {
      peer ??= next
    })
    serve(started)
  }
  startHub()
  const channel = createChannel("http://hub", {
    store: null,
    ...channelOptions,
    runtime: tab,
    transports: LADDER.map((name) => network.dialer(name)),
  })
  return {
    runtime,
    network,
    tab,
    channel,
    get hub() {
      return hub as Hub // `startHub()` has run above.
    },
    get peer() {
      if (peer === undefined) throw new Error("there was no peer yet")
      return peer
    },
    get reported() {
      return [tab, ...machines].flatMap((machine) => machine.reported)
    },
    crashHub() {
      const machine = machines.at(-1)
      machine?.halt()
      network.crash(machine)
    },
    startHub,
  }
}

type Act = () => unknown

/** One kind of callback by which the library calls the application. */
interface Place {
  /**
   * Sets `call` as the callback: on a hub before a channel exists (`onHub`), or on both ends once they are linked
   * (`onPair`).
   */
  readonly onHub?: (hub: Hub, call: Act) => void
  readonly onPair?: (world: World, call: Act) => void
  /** Makes the library call the callback. */
  readonly cause?: (world: World) => unknown
  /** The stage that `onError` is given when the callback fails, and the end whose `onError` is called. */
  readonly stage: string
  readonly seat: "hub" | "channel"
  /** True where only one callback may be set. */
  readonly single?: boolean
}

const places: Record<string, Place> = {
  "hub.on": {
    onHub: (hub, call) => hub.on("x", call),
    cause: ({ channel }) => channel.send("x"),
    stage: "message",
    seat: "hub",
  },
  "peer.on": {
    onPair: (world, call) => world.peer.on("x", call),
    cause: ({ channel }) => channel.send("x"),
    stage: "message",
    seat: "hub",
  },
  "channel.on": {
    onPair: ({ channel }, call) => channel.on("x", call),
    cause: ({ peer }) => peer.send("x"),
    stage: "message",
    seat: "channel",
  },
  "hub.handle": {
    onHub: (hub, call) => hub.handle("x", call),
    cause: ({ channel }) => void channel.request("x").catch(() => {}),
    stage: "request",
    seat: "hub",
    single: true,
  },
  "peer.handle": {
    onPair: (world, call) => world.peer.handle("x", call),
    cause: ({ channel }) => void channel.request("x").catch(() => {}),
    stage: "request",
    seat: "hub",
    single: true,
  },
  "channel.handle": {
    onPair: ({ channel }, call) => channel.handle("x", call),
    cause: ({ peer }) => void peer.request("x").catch(() => {}),
    stage: "request",
    seat: "channel",
    single: true,
  },
  onPeer: { onHub: (hub, call) => hub.onPeer(call), stage: "listener", seat: "hub" },
  "peer.onClose, when the hub closes it": {
    onHub: (hub, call) => hub.onPeer((peer) => peer.onClose(call)),
    cause: ({ peer }) => peer.close(),
    stage: "listener",
    seat: "hub",
  },
  "peer.onClose, when the channel closes it": {
    onHub: (hub, call) => hub.onPeer((peer) => peer.onClose(call)),
    cause: ({ channel }) => channel.close(),
    stage: "listener",
    seat: "hub",
  },
  "peer.onClose, when its window has passed": {
    onHub: (hub, call) => hub.onPeer((peer) => peer.onClose(call)),
    cause({ tab, network }) {
      tab.sleep()
      network.cut()
    },
    stage: "listener",
    seat: "hub",
  },
  "peer.onClose, of a peer that is closed": {
    onPair(world, call) {
      const peer = world.peer
      peer.close()
      peer.onClose(call)
    },
    stage: "listener",
    seat: "hub",
  },
  ...statusPlace("reconnecting", ({ network }) => network.cut()),
  ...statusPlace("open", ({ network }) => network.cut()),
  ...statusPlace("closed", ({ peer }) => peer.close()),
  "onStatus of a session that the hub has lost": {
    onPair: ({ channel }, call) => channel.onStatus((status) => (status === "reconnecting" ? call() : undefined)),
    cause: (world) => {
      world.channel.send("chatter", 0)
      world.runtime.after(1_000, () => {
        world.crashHub()
        world.startHub()
      })
    },
    stage: "listener",
    seat: "channel",
  },
  onReset: {
    onPair: ({ channel }, call) => channel.onReset(call),
    cause: (world) => {
      world.channel.send("chatter", 0)
      world.runtime.after(1_000, () => {
        world.crashHub()
        world.startHub()
      })
    },
    stage: "listener",
    seat: "channel",
  },
}

/** The callback for the first time that the channel reaches this status. */
function statusPlace(wanted: Status, cause: (world: World) => void): Record<string, Place> {
  const onPair = ({ channel }: World, call: Act): void => {
    let isFirst = true
    channel.onStatus((status) => {
      if (status !== wanted || !isFirst) return undefined
      isFirst = false
      return call()
    })
  }
  return { [`onStatus("${wanted}")`]: { onPair, cause, stage: "listener", seat: "channel" } }
}

interface Scene {
  readonly world: World
  /** The errors and stages that `onError` of each end was given. */
  readonly heard: { readonly hub: [unknown, string][]; readonly channel: [unknown, string][] }
  /** How often the misbehaving callback was called, and the good one that was set after it. */
  readonly called: { bad: number; good: number }
}

/**
 * Sets two callbacks at a place, one that runs `act` on its first call and a good one, and makes the library call both.
 */
async function play(place: Place, act: (world: World) => unknown): Promise<Scene> {
  const heard: Scene["heard"] = { hub: [], channel: [] }
  const called = { bad: 0, good: 0 }
  const bad = (): unknown => (++called.bad > 1 ? undefined : act(world))
  const good = (): void => void called.good++
  const callbacks = place.single ? [bad] : [bad, good]
  const world: World = createWorld((hub) => {
    hub.onError((error, { stage }) => heard.hub.push([error, stage]))
    hub.handle("echo", (data) => data)
    hub.on("chatter", () => {})
    for (const callback of callbacks) place.onHub?.(hub, callback)
  })
  const { channel, runtime } = world
  channel.onError((error, stage) => heard.channel.push([error, stage]))
  channel.on("chatter", () => {})
  await runtime.pass(1_000)
  if (place.onPair !== undefined) for (const callback of callbacks) place.onPair(world, callback)
  place.cause?.(world)
  await runtime.pass(200_000)
  return { world, heard, called }
}

/** Asserts that the two ends still answer each other, unless the channel is closed. */
async function goesOn({ world }: Scene): Promise<void> {
  const { tab, channel, runtime } = world
  tab.wake()
  await runtime.pass(60_000)
  if (channel.status === "closed") return
  const replies: unknown[] = []
  channel.request("echo", 7, { timeoutMs: 60_000 }).then((reply) => replies.push(reply), noteFatal)
  await runtime.pass(60_000)
  expect(replies).toEqual([7])
}

describe.each(Object.entries(places))("%s", (_, place) => {
  it.each(Object.entries(failures))(
    "that %s: onError hears it once, the next callback is called, the session continues",
    async (_, act) => {
      const scene = await play(place, act)
      const { heard, called, world } = scene
      expect(heard[place.seat]).toEqual([[failure, place.stage]])
      expect(heard[place.seat === "hub" ? "channel" : "hub"]).toEqual([])
      if (!place.single) expect(called).toEqual({ bad: expect.any(Number), good: called.bad })
      expect(called.bad).toBeGreaterThan(0)
      expect(world.reported).toEqual([])
      await goesOn(scene)
    },
  )

  it.each(Object.entries(nonsense))("that %s: no error is reported", async (what, act) => {
    const scene = await play(place, act)
    const { heard, called } = scene
    // A symbol cannot be the answer to a request, so onError hears of it there.
    const isTold = place.single && what === "gives a symbol"
    const told = [[expect.objectContaining({ code: "payload-unsupported" }), "request"]]
    expect(heard[place.seat]).toEqual(isTold ? told : [])
    if (!place.single) expect(called.good).toBe(called.bad)
    expect(called.bad).toBeGreaterThan(0)
    await goesOn(scene)
  })

  it.each(Object.entries(closings))(
    "that %s: the next callback is called all the same, and nothing is left running",
    async (what, act) => {
      const scene = await play(place, act)
      const { heard, called, world } = scene
      expect([heard.hub, heard.channel]).toEqual([[], []])
      if (!place.single) expect(called.good).toBe(called.bad)
      expect(called.bad).toBeGreaterThan(0)
      if (what.includes("channel") && place.onPair !== undefined) {
        expect(world.channel.status).toBe("closed")
        expect(world.tab.pending()).toBe(0)
      }
      if (!what.includes("hub")) return
      await world.channel.close({ flushMs: 0 })
      expect(world.channel.status).toBe("closed")
    },
  )
})
