import { type Channel, createChannel } from "everwire"
import type { Hub, Peer } from "everwire/server"
import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it } from "vitest"

type Listener = (...args: unknown[]) => unknown
/** As applications that know no types give them. */
type Subscribe = (listener: unknown, options?: unknown) => () => void

interface Scene {
  readonly duo: Duo
  readonly channel: Channel
  /** The first, and its peer, also when they are closed. */
  readonly hub: Hub
  readonly peer: Peer
}

/** Something of a channel, a hub or a peer that may be subscribed to. */
interface Place {
  readonly subscribe: (scene: Scene, listener: never, options?: never) => () => void
  /** Makes it call its listeners, before or while time passes. */
  readonly cause: (scene: Scene) => unknown
  readonly seat: "hub" | "channel"
  /** With which stage `onError` of the seat hears what a listener throws. Without one only the platform is left to be told. */
  readonly stage?: "message" | "listener"
  /** It calls its listeners once in its life. */
  readonly single?: true
}

const places: Record<string, Place> = {
  "channel.on": {
    subscribe: ({ channel }, listener, options) => channel.on("down", listener, options),
    cause: ({ peer }) => peer.send("down", 1),
    seat: "channel",
    stage: "message",
  },
  "channel.onStatus": {
    subscribe: ({ channel }, listener, options) => channel.onStatus(listener, options),
    cause: ({ duo }) => duo.network.cut(),
    seat: "channel",
    stage: "listener",
  },
  "channel.onReset": {
    subscribe: ({ channel }, listener, options) => channel.onReset(listener, options),
    cause({ duo }) {
      duo.crashHub()
      duo.startHub()
    },
    seat: "channel",
    stage: "listener",
  },
  "channel.onError": {
    subscribe: ({ channel }, listener, options) => channel.onError(listener, options),
    cause: ({ peer }) => peer.send("boom"),
    seat: "channel",
  },
  "hub.on": {
    subscribe: ({ hub }, listener, options) => hub.on("up", listener, options),
    cause: ({ channel }) => channel.send("up", 1),
    seat: "hub",
    stage: "message",
  },
  "hub.onPeer": {
    subscribe: ({ hub }, listener, options) => hub.onPeer(listener, options),
    cause: ({ duo }) => dial(duo, "another"),
    seat: "hub",
    stage: "listener",
  },
  "hub.onError": {
    subscribe: ({ hub }, listener, options) => hub.onError(listener, options),
    cause: ({ channel }) => channel.send("boom"),
    seat: "hub",
  },
  "hub.onRefused": {
    subscribe: ({ hub }, listener, options) => hub.onRefused(listener, options),
    cause: ({ duo }) => dial(duo, "stranger"),
    seat: "hub",
    stage: "listener",
  },
  "peer.on": {
    subscribe: ({ peer }, listener, options) => peer.on("up", listener, options),
    cause: ({ channel }) => channel.send("up", 1),
    seat: "hub",
    stage: "message",
  },
  "peer.onClose": {
    subscribe: ({ peer }, listener, options) => peer.onClose(listener, options),
    cause: ({ peer }) => peer.close(),
    seat: "hub",
    stage: "listener",
    single: true,
  },
  "peer.onClose of a peer that is closed": {
    subscribe({ peer }, listener, options) {
      peer.close()
      return peer.onClose(listener, options)
    },
    cause() {},
    seat: "hub",
    stage: "listener",
    single: true,
  },
}

/** Another channel of the same hub, which lets in everybody but strangers. */
function dial({ network, runtime }: Duo, auth: string): void {
  createChannel("http://hub", {
    runtime: runtime.machine(),
    store: null,
    transports: [network.dialer("websocket")],
    auth: () => auth,
  })
}

const boom = new Error("boom")

async function setUp(place: Place) {
  const duo = await createDuo({
    serve: (hub) =>
      hub.on("boom", () => {
        throw boom
      }),
    hub: { authenticate: ({ auth }) => (auth === "stranger" ? null : { id: "somebody" }) },
  })
  duo.channel.on("boom", () => {
    throw boom
  })
  const scene: Scene = { duo, channel: duo.channel, hub: duo.hub, peer: duo.peer }
  const subscribe = ((listener: never, options: never) => place.subscribe(scene, listener, options)) as Subscribe
  const cause = async (): Promise<void> => {
    place.cause(scene)
    await duo.runtime.pass(120_000)
  }
  /** What `onError` of the place's seat hears. */
  const told: [error: unknown, stage: string][] = []
  const listen = (): void => {
    if (place.seat === "hub") scene.hub.onError((error, { stage }) => told.push([error, stage]))
    else scene.channel.onError((error, stage) => told.push([error, stage]))
  }
  return { duo, subscribe, cause, told, listen }
}

/** Remembers what it was called with. */
function recorder(act: () => unknown = () => {}) {
  const calls: unknown[][] = []
  const listener: Listener = (...args) => {
    calls.push(args)
    return act()
  }
  return { calls, listener }
}

/** A signal that tells how many listen to it. */
function watched(controller = new AbortController()) {
  const listeners = new Set<() => void>()
  const signal = {
    get aborted() {
      return controller.signal.aborted
    },
    addEventListener: (_: "abort", listener: () => void) => void listeners.add(listener),
    removeEventListener: (_: "abort", listener: () => void) => void listeners.delete(listener),
  }
  const abort = (): void => {
    controller.abort()
    for (const listener of [...listeners]) listener()
  }
  return { signal, listeners, abort }
}

const misuse = expect.objectContaining({ code: "misuse" })

describe.each(Object.entries(places))("%s", (_, place) => {
  it("calls each subscription with the same, a function that was added twice twice, each cancelled on its own", async () => {
    const { subscribe, cause } = await setUp(place)
    const reference = recorder()
    const twice = recorder()
    subscribe(reference.listener)
    const off = subscribe(twice.listener)
    subscribe(twice.listener)
    off()
    off()
    const thrice = recorder()
    for (let n = 0; n < 3; n++) subscribe(thrice.listener)
    await cause()
    expect(reference.calls.length).toBeGreaterThan(0)
    expect(twice.calls).toEqual(reference.calls)
    expect(thrice.calls).toEqual(reference.calls.flatMap((args) => [args, args, args]))
  })

  it("keeps calling the others when one throws, one rejects and one cannot be asked for its promise; all is told", async () => {
    const { duo, subscribe, cause, told, listen } = await setUp(place)
    if (place.stage !== undefined) listen()
    const [thrown, rejected, unreadable] = [new Error("thrown"), new Error("rejected"), new Error("unreadable")]
    const acts = [
      () => {
        throw thrown
      },
      () => Promise.reject(rejected),
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: what an application may return
        get then() {
          throw unreadable
        },
      }),
    ]
    for (const act of acts) subscribe(recorder(act).listener)
    const last = recorder()
    subscribe(last.listener)
    await cause()
    const heard = place.stage === undefined ? duo.errors.map((error) => [error, undefined]) : told
    const times = last.calls.length
    expect(times).toBeGreaterThan(0)
    for (const error of [thrown, rejected, unreadable]) {
      expect(heard.filter(([each]) => each === error)).toEqual(Array(times).fill([error, place.stage]))
    }
  })

  it("calls nobody who left meanwhile, and whoever came meanwhile from the next time on", async () => {
    const { subscribe, cause } = await setUp(place)
    const late = recorder()
    const reference = recorder()
    const first = recorder(() => {
      off()
      if (first.calls.length === 1) subscribe(late.listener)
    })
    subscribe(first.listener)
    const left = recorder()
    const off = subscribe(left.listener)
    subscribe(reference.listener)
    await cause()
    expect(left.calls).toEqual([])
    expect(first.calls).toEqual(reference.calls)
    // A peer that is closed calls whoever comes at the end of the tick.
    expect(late.calls.length).toBe(place.single ? 1 : reference.calls.length - 1)
  })

  it("ends with its signal, which then knows nothing of it; one that has fired already begins nothing", async () => {
    const { subscribe, cause } = await setUp(place)
    const [ended, never, other, reference] = [recorder(), recorder(), recorder(), recorder()]
    const { signal, listeners, abort } = watched()
    const living = watched()
    subscribe(ended.listener, { signal })
    subscribe(other.listener, { signal: living.signal })
    const off = subscribe(never.listener, { signal: living.signal })
    off()
    expect([listeners.size, living.listeners.size]).toEqual([1, 1])
    abort()
    subscribe(never.listener, { signal })
    subscribe(never.listener, { signal: AbortSignal.abort() })
    subscribe(reference.listener, {})
    await cause()
    expect(listeners.size).toBe(0)
    expect([ended.calls, never.calls]).toEqual([[], []])
    expect(other.calls).toEqual(reference.calls)
    expect(reference.calls.length).toBeGreaterThan(0)
  })

  it.each([true, false])(
    "that the signal ends in the midst of a call is not called (its own signal: %s)",
    async (own) => {
      const { subscribe, cause } = await setUp(place)
      const controller = new AbortController()
      const signal = own ? watched(controller) : { signal: controller.signal, abort: () => controller.abort() }
      subscribe(recorder(() => signal.abort()).listener)
      const after = recorder()
      subscribe(after.listener, { signal: signal.signal })
      await cause()
      expect(after.calls).toEqual([])
    },
  )

  it("is harmed by no signal that throws when it is let go, which is told", async () => {
    const { subscribe, cause, told, listen } = await setUp(place)
    const bad = new Error("not to be let go")
    const signal = {
      aborted: false,
      addEventListener() {},
      removeEventListener() {
        throw bad
      },
    }
    const gone = recorder()
    const off = subscribe(gone.listener, { signal })
    listen()
    off()
    const reference = recorder()
    subscribe(reference.listener)
    await cause()
    expect(told).toContainEqual([bad, "listener"])
    expect(gone.calls).toEqual([])
    expect(reference.calls.length).toBeGreaterThan(0)
  })

  it("refuses what is no function, no signal and no option, and subscribes nobody then", async () => {
    const { subscribe, cause } = await setUp(place)
    const { listener, calls } = recorder()
    for (const none of [undefined, null, "x", {}]) expect(() => subscribe(none)).toThrow(misuse)
    for (const options of [
      { signal: new AbortController() },
      { signal: 5 },
      { signals: new AbortController().signal },
      { once: 1 },
      { passive: true },
      new AbortController().signal,
    ]) {
      expect(() => subscribe(listener, options)).toThrow(misuse)
    }
    const throwing = {
      aborted: false,
      addEventListener() {
        throw boom
      },
      removeEventListener() {},
    }
    expect(() => subscribe(listener, { signal: throwing })).toThrow(boom)
    await cause()
    expect(calls).toEqual([])
    for (const options of [undefined, null, {}, { signal: undefined }, { signal: null }]) subscribe(listener, options)
  })
})

describe.each(Object.entries(places).filter(([, { single }]) => !single))("%s, once", (_, place) => {
  it("is called once, and has ended by then", async () => {
    const { subscribe, cause } = await setUp(place)
    const { signal, listeners } = watched()
    const open: number[] = []
    const once = recorder(() => open.push(listeners.size))
    subscribe(once.listener, { once: true, signal })
    const [always, notOnce] = [recorder(), recorder()]
    subscribe(always.listener)
    subscribe(notOnce.listener, { once: false })
    await cause()
    await cause()
    expect(always.calls.length).toBeGreaterThan(1)
    expect(notOnce.calls).toEqual(always.calls)
    expect(once.calls).toEqual(always.calls.slice(0, 1))
    expect(open).toEqual([0])
  })

  it("is not called when it was cancelled before, and may be subscribed again from inside", async () => {
    const { subscribe, cause } = await setUp(place)
    const never = recorder()
    subscribe(never.listener, { once: true })()
    const again = recorder(() => again.calls.length === 1 && subscribe(again.listener, { once: true }))
    subscribe(again.listener, { once: true })
    const always = recorder()
    subscribe(always.listener)
    await cause()
    await cause()
    expect(never.calls).toEqual([])
    expect(again.calls).toEqual(always.calls.slice(0, 2))
  })
})

/** Handlers of messages and requests, which end with what they are set on. */
const handlers: Record<string, (scene: Scene, options: { signal: AbortSignalOfAnyMake }) => unknown> = {
  "channel.on": ({ channel }, options) => channel.on("down", () => {}, options),
  "channel.handle": ({ channel }, options) => channel.handle("ask", () => {}, options),
  "channel.messages": ({ channel }, options) => channel.messages("down", options),
  "hub.on": ({ hub }, options) => hub.on("up", () => {}, options),
  "hub.handle": ({ hub }, options) => hub.handle("ask", () => {}, options),
  "peer.on": ({ peer }, options) => peer.on("up", () => {}, options),
  "peer.handle": ({ peer }, options) => peer.handle("ask", () => {}, options),
  "peer.onClose": ({ peer }, options) => peer.onClose(() => {}, options),
}

type AbortSignalOfAnyMake = ReturnType<typeof watched>["signal"]

describe.each(Object.entries(handlers))("a signal that lives on knows nothing of %s", (_, subscribe) => {
  it("that was set before or after everything was closed", async () => {
    const duo = await createDuo()
    const { channel, hub, peer } = duo
    const { signal, listeners } = watched()
    subscribe({ duo, channel, hub, peer }, { signal })
    expect(listeners.size).toBe(1)
    await duo.closeHub()
    void channel.close({ flushMs: 0 })
    await duo.runtime.pass(10_000)
    expect([channel.status, peer.closed, listeners.size]).toEqual(["closed", true, 0])
    subscribe({ duo, channel, hub, peer }, { signal })
    await duo.runtime.pass(10_000)
    expect(listeners.size).toBe(0)
  })
})

describe.each(["on", "handle"] as const)("a signal that lives on knows nothing of peer.%s", (method) => {
  it("that is the first of a peer that is closed already", async () => {
    const { peer, runtime } = await createDuo()
    peer.close()
    await runtime.pass(1_000)
    const { signal, listeners } = watched()
    peer[method]("x", () => {}, { signal })
    expect(listeners.size).toBe(0)
  })
})

describe("handlers of a message that closes what they are set on", () => {
  it("are all called for it, and for no other", async () => {
    const { channel, peer, hub, runtime } = await createDuo()
    const heard: unknown[] = []
    channel.on("down", () => void channel.close({ flushMs: 0 }))
    channel.on("down", (data) => heard.push(data))
    peer.on("up", () => peer.close())
    peer.on("up", (data) => heard.push(data))
    hub.on("up", (data) => heard.push(data))
    channel.send("up", "to the peer")
    channel.send("up", "too late")
    await runtime.pass(1_000)
    expect(heard).toEqual(["to the peer", "to the peer"])
    const second = await createDuo()
    second.channel.on("down", () => void second.channel.close({ flushMs: 0 }))
    second.channel.on("down", (data) => heard.push(data))
    second.peer.send("down", "to the channel")
    second.peer.send("down", "too late")
    await second.runtime.pass(10_000)
    expect(heard.slice(2)).toEqual(["to the channel"])
  })
})

describe.each(["hub", "peer", "channel"] as const)("%s.handle", (seat) => {
  const setUpRequests = async () => {
    const duo = await createDuo()
    const ask = async (): Promise<unknown> => {
      const asker = seat === "channel" ? duo.peer : duo.channel
      const answer = asker.request("ask", 1).catch(({ code }: { code: string }) => code)
      await duo.runtime.pass(1_000)
      return answer
    }
    return { duo, ask, on: duo[seat] }
  }

  it("answers until its signal fires, and the name is free then", async () => {
    const { ask, on } = await setUpRequests()
    const { signal, listeners, abort } = watched()
    on.handle("ask", () => "one", { signal })
    expect(await ask()).toBe("one")
    expect(() => on.handle("ask", () => "two", { signal })).toThrow(misuse)
    expect(listeners.size).toBe(1)
    abort()
    expect(await ask()).toBe("request-unhandled")
    on.handle("ask", () => "two", { signal })
    expect(await ask()).toBe("request-unhandled")
    on.handle("ask", () => "three")
    expect([await ask(), listeners.size]).toEqual(["three", 0])
  })

  it("answers once when it is to, and may be set again from inside", async () => {
    const { ask, on } = await setUpRequests()
    on.handle(
      "ask",
      () => {
        on.handle("ask", () => "second", { once: true })
        return "first"
      },
      { once: true },
    )
    expect([await ask(), await ask(), await ask()]).toEqual(["first", "second", "request-unhandled"])
  })
})
