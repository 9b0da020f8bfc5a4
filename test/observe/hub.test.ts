import { AsyncLocalStorage } from "node:async_hooks"
import { createChannel, type EverwireError, RequestFailure } from "everwire"
import { createHub, type HubObserver, type HubOptions } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, type Duo, expectDelivered } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { joinObservers } from "../../src/server/observers.ts"
import { expiring, MINUTE } from "../auth/expiring.ts"

const NAMES = [
  "sessionBegan",
  "sessionEnded",
  "linkAttached",
  "linkLost",
  "refused",
  "messageDropped",
  "requestHandled",
  "authRefreshed",
  "authExpired",
  "clusterConnection",
  "closing",
  "closed",
] as const

type Told = [name: string, event: Record<string, unknown>]

/** An observer that writes everything down. */
function recorder(): { told: Told[]; observer: HubObserver; of(...names: string[]): Told[] } {
  const told: Told[] = []
  const observer = Object.fromEntries(
    NAMES.map((name) => [name, (event: object) => void told.push([name, { ...event }])]),
  ) as HubObserver
  return { told, observer, of: (...names) => told.filter(([name]) => names.includes(name)) }
}

/** A hub that is observed, and a channel. */
async function observed(
  options: Parameters<typeof createDuo>[0] = {},
): Promise<{ duo: Duo; ids: { hub: string; peer: string } } & ReturnType<typeof recorder>> {
  const record = recorder()
  const duo = await createDuo({ ...options, hub: { observer: record.observer, ...options.hub } as HubOptions })
  return { duo, ids: { hub: duo.hub.id, peer: duo.peer.id }, ...record }
}

describe("an observer of a hub is told", () => {
  it("of a session that begins, its first link, and its end", async () => {
    const { duo, told, ids } = await observed({ transports: ["sse"] })
    duo.peer.send("arrives")
    await expectDelivered(duo)
    await duo.runtime.pass(3_000)
    duo.peer.send("does not")
    duo.peer.close("enough")
    await duo.runtime.pass(1_000)
    const lastedMs = told[2]?.[1]["lastedMs"] as number
    expect(told).toEqual([
      ["sessionBegan", { ...ids, address: "" }],
      ["linkAttached", { ...ids, transport: "sse", from: undefined, resumed: false }],
      ["sessionEnded", { ...ids, code: "closed", lastedMs, undelivered: 1, transport: "sse" }],
    ])
    expect(lastedMs).toBeGreaterThanOrEqual(3_000)
    expect(lastedMs).toBeLessThan(10_000)
    expect(duo.hub.stats()).toMatchObject({ began: 1, ended: { closed: 1 }, sessions: 0 })
  })

  it("of a channel that says goodbye", async () => {
    const { duo, of } = await observed({ transports: ["websocket"] })
    void duo.channel.close()
    await duo.runtime.pass(5_000)
    expect(of("sessionEnded")).toMatchObject([["sessionEnded", { code: "closed-by-peer", transport: undefined }]])
    expect(duo.hub.stats().ended).toEqual({ "closed-by-peer": 1 })
  })

  it("of a link that is lost, and of the one with which the session goes on", async () => {
    const { duo, of, ids } = await observed({ transports: ["websocket"] })
    duo.network.cut()
    await duo.runtime.pass(1_000)
    expect(of("linkLost", "linkAttached").slice(1)).toEqual([
      ["linkLost", { ...ids, transport: "websocket", code: "network" }],
      ["linkAttached", { ...ids, transport: "websocket", from: undefined, resumed: true }],
    ])
    expect(duo.hub.stats()).toMatchObject({ began: 1, resumed: 1 })
  })

  it("of a change of transport, which is no return", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const { of, observer } = recorder()
    const names = ["websocket", "sse"]
    const hub = createHub({ runtime, observer, transports: names.map((name) => network.acceptor(name)) })
    network.block("websocket")
    const transports = names.map((name) => network.dialer(name))
    createChannel("http://hub", { runtime, transports, reprobeMs: [3_000] })
    await runtime.pass(1_000)
    network.heal()
    await runtime.pass(10_000)
    expect(of("linkAttached").map(([, event]) => event)).toMatchObject([
      { transport: "sse", from: undefined, resumed: false },
      { transport: "websocket", from: "sse", resumed: false },
    ])
    expect(of("linkLost")).toEqual([])
    expect(hub.stats()).toMatchObject({ resumed: 0, transports: { websocket: 1 }, away: 0 })
  })

  it("of a link that was silent for too long", async () => {
    const { duo, of } = await observed({ transports: ["websocket"] })
    duo.channel.send("used")
    await expectDelivered(duo)
    duo.tab.sleep()
    await duo.runtime.pass(60_000)
    expect(of("linkLost")).toMatchObject([["linkLost", { transport: "websocket", code: "silent" }]])
    expect(duo.hub.stats()).toMatchObject({ away: 1, transports: {} })
    await duo.runtime.pass(200_000)
    expect(of("sessionEnded")).toMatchObject([["sessionEnded", { code: "session-expired", transport: undefined }]])
  })

  it("of what is refused, and of the link that this ends", async () => {
    const limits = { maxMessagesPerSecond: 10 }
    const { duo, of, ids } = await observed({ transports: ["websocket"], hub: { limits } })
    const refused: object[] = []
    duo.hub.onRefused((refusal) => refused.push({ hub: ids.hub, ...refusal }))
    for (let n = 0; n < 10_000 && of("refused").length === 0; n++) {
      for (let each = 0; each < 20; each++) duo.channel.send("flood", n)
      await duo.runtime.pass(20)
    }
    expect(of("refused").map(([, event]) => event)).toEqual(refused)
    expect(refused).toMatchObject([{ code: "rate-limited", stage: "session", transport: "websocket" }])
    expect(of("linkLost")).toMatchObject([["linkLost", { code: "rate-limited" }]])
  })

  it("of each message that is dropped for a peer, with the reason", async () => {
    const { duo, of, ids } = await observed({ transports: ["websocket"] })
    duo.network.cut()
    duo.network.block()
    await duo.runtime.pass(100)
    const { peer } = duo
    for (let n = 0; n < 3; n++) peer.send("price", n, { latest: "EUR" })
    peer.send("typing", true, { volatile: true })
    await duo.runtime.pass(100)
    expect(of("messageDropped").map(([, event]) => event)).toEqual([
      { ...ids, reason: "latest" },
      { ...ids, reason: "latest" },
      { ...ids, reason: "volatile" },
    ])
    expect(duo.hub.stats().dropped).toEqual({ latest: 2, volatile: 1, ttl: 0, full: 0 })
  })

  it("of requests, how long their handlers took and what they failed with", async () => {
    const { duo, of, ids } = await observed({
      transports: ["websocket"],
      serve: (hub) => {
        hub.handle("now", () => 1)
        hub.handle("later", () => new Promise((resolve) => duoRuntime().after(700, () => resolve(2))))
        hub.handle("bad", () => {
          throw new Error("secret")
        })
        hub.handle("none", async () => {
          throw new RequestFailure("not-found", "no such thing")
        })
        hub.handle("items", async function* () {
          yield 1
          yield 2
        })
      },
      hub: {},
    })
    function duoRuntime(): Duo["runtime"] {
      return duo.runtime
    }
    duo.hub.onError(() => {})
    const { channel, runtime } = duo
    const all = ["now", "later", "bad", "none", "missing"].map((name) => channel.request(name).catch(String))
    const items: unknown[] = []
    const stream = (async () => {
      for await (const item of channel.stream("items")) items.push(item)
    })()
    await runtime.pass(1_500)
    await Promise.all([...all, stream])
    expect(items).toEqual([1, 2])
    const handled = of("requestHandled").map(([, event]) => event)
    const by = (name: string): unknown => handled.find((event) => event["name"] === name)
    expect(handled.length).toBe(6)
    expect(by("now")).toEqual({ ...ids, name: "now", durationMs: 0, code: undefined })
    expect(by("later")).toMatchObject({ durationMs: 700, code: undefined })
    expect(by("bad")).toMatchObject({ code: "request-failed" })
    expect(by("none")).toMatchObject({ code: "not-found" })
    expect(by("missing")).toMatchObject({ code: "request-unhandled" })
    expect(by("items")).toMatchObject({ code: undefined })
    expect(duo.hub.stats()).toMatchObject({ requests: 6, answering: 0 })
  })

  it("of fresh credentials, and of a principal that expires without any", async () => {
    const { observer, of } = recorder()
    let isGiven = true
    const one = await expiring(10 * MINUTE, {
      hub: { observer },
      auth: (_reason, now) => ({ id: "ann", expiresAt: now + (isGiven ? 10 * MINUTE : -1) }),
    })
    const ids = { hub: one.hub.id, peer: one.peer.id }
    await one.runtime.pass(10 * MINUTE)
    expect(of("authRefreshed")).toEqual([
      ["authRefreshed", { ...ids, expiresAt: (one.peer.principal as { expiresAt: number }).expiresAt }],
    ])
    expect(of("authExpired")).toEqual([])
    isGiven = false
    await one.runtime.pass(12 * MINUTE)
    expect(of("authRefreshed").length).toBe(1)
    expect(of("authExpired")).toEqual([["authExpired", ids]])
    expect(of("linkLost")).toMatchObject([["linkLost", { code: "auth-expired" }]])
  })

  it("of the hub's own closing, with the time that it took", async () => {
    const { duo, of, ids } = await observed({ transports: ["websocket"], serve: (hub) => hub.handle("slow", forEver) })
    void duo.channel.request("slow", undefined, { timeoutMs: 100_000 }).catch(() => {})
    await duo.runtime.pass(100)
    const both = [duo.hub.close({ drainMs: 2_000 }), duo.hub.close({ drainMs: 2_000 })]
    await duo.runtime.pass(3_000)
    await Promise.all(both)
    expect(of("closing", "closed")).toEqual([
      ["closing", { hub: ids.hub, sessions: 1, drainMs: 2_000 }],
      ["closed", { hub: ids.hub, durationMs: 2_000 }],
    ])
  })
})

const forEver = (): Promise<never> => new Promise(() => {})

describe("an observer", () => {
  it("is told at the end of the tick", async () => {
    const { duo, of } = await observed({ transports: ["websocket"] })
    duo.peer.close()
    expect(of("sessionEnded")).toEqual([])
    duo.runtime.drain()
    expect(of("sessionEnded").length).toBe(1)
  })

  it("that throws or rejects harms nothing, and is reported to onError", async () => {
    const thrown = new Error("the observer's own")
    const observer = Object.fromEntries(
      NAMES.map((name, index) => [
        name,
        index % 2 === 0
          ? () => {
              throw thrown
            }
          : () => Promise.reject(thrown),
      ]),
    ) as HubObserver
    const errors: unknown[] = []
    const duo = await createDuo({
      transports: ["websocket"],
      hub: { observer },
      serve: (hub) => {
        hub.onError((error, { stage }) => void errors.push([error, stage]))
        hub.handle("double", (n) => 2 * (n as number))
      },
    })
    const answer = duo.channel.request("double", 4)
    await expectDelivered(duo)
    expect(await answer).toBe(8)
    duo.network.cut()
    await duo.runtime.pass(1_000)
    expect(duo.channel.status).toBe("open")
    // The beginning, two links, the request, and the link that was lost.
    expect(errors).toEqual(Array.from({ length: 5 }, () => [thrown, "listener"]))
  })

  it("that closes the hub is called when what it is told of is done", async () => {
    for (const name of ["linkAttached", "linkLost", "messageDropped", "requestHandled"]) {
      const errors: unknown[] = []
      let hub: { close(): Promise<void> } | undefined
      const duo = await createDuo({
        transports: ["websocket"],
        hub: { observer: { [name]: () => hub?.close() } },
        serve: (served) => {
          served.onError((error) => void errors.push(error))
          served.handle("double", (n) => 2 * (n as number))
        },
      })
      hub = duo.hub
      const { channel, runtime, network, peer } = duo
      void channel.request("double", 1).catch(() => {})
      for (let n = 0; n < 3; n++) peer.send("price", n, { latest: "EUR" })
      await runtime.pass(100)
      network.cut()
      await runtime.pass(1_000)
      expect([name, errors]).toEqual([name, []])
    }
  })

  it("whose member cannot be read is as one that does not listen, and is reported", async () => {
    const errors: unknown[] = []
    const thrown = new Error("the getter's own")
    class Observer implements HubObserver {
      get linkAttached(): never {
        throw thrown
      }
    }
    const duo = await createDuo({
      transports: ["websocket"],
      hub: { observer: new Observer() },
      serve: (hub) => hub.onError((error, { stage }) => void errors.push([error, stage])),
    })
    expect([duo.channel.status, errors]).toEqual(["open", [[thrown, "listener"]]])
  })

  it("has no event made for it that it does not hear", () => {
    const heard = joinObservers([{}, { linkLost: () => {} }], queueMicrotask, () => {})
    expect(NAMES.filter((name) => heard[name] !== undefined)).toEqual(["linkLost"])
    expect(heard.aroundRequest).toBeUndefined()
    expect(joinObservers([], queueMicrotask, () => {})).toEqual({})
  })

  it("may begin and cease to listen at any time", async () => {
    const lost: string[] = []
    const observer: { linkLost?: HubObserver["linkLost"] } = {}
    const duo = await createDuo({ transports: ["websocket"], hub: { observer } })
    const cut = async (): Promise<void> => {
      duo.network.cut()
      await duo.runtime.pass(1_000)
    }
    await cut()
    observer.linkLost = ({ transport }) => void lost.push(transport)
    await cut()
    delete observer.linkLost
    await cut()
    expect(lost).toEqual(["websocket"])
    expect(duo.hub.stats().resumed).toBe(3)
  })

  it("may be an object of a class, with members of its own", async () => {
    class Meter implements HubObserver {
      began = 0
      sessionBegan(): void {
        this.began++
      }
    }
    const meter = new Meter()
    await createDuo({ hub: { observer: meter } })
    expect(meter.began).toBe(1)
  })

  it.each([
    [{ sessionBegun: () => {} }, /observer has no option "sessionBegun"; there are sessionBegan/],
    [{ sessionBegan: 5 }, /observer: sessionBegan wants function; given: number/],
    [() => {}, /createHub: observer wants object; given: function/],
  ])("that cannot hear anything is misuse", (observer, message) => {
    expect(() => createHub({ observer: observer as HubObserver })).toThrow(message)
    expect(() => createHub({ observer: null })).not.toThrow()
  })

  it("hears neither payloads nor keys nor principals", async () => {
    const { duo, told } = await observed({
      hub: { authenticate: () => ({ id: "the-principal" }) },
      channel: { auth: () => "the-token" },
      serve: (hub) => hub.handle("ask", () => "the-answer"),
    })
    void duo.channel.request("ask", "the-question")
    duo.peer.send("say", "the-message", { latest: "the-key" })
    duo.peer.send("say", "the-message", { latest: "the-key" })
    await expectDelivered(duo)
    duo.peer.close()
    await duo.runtime.pass(1_000)
    expect(told.length).toBeGreaterThan(4)
    expect(JSON.stringify(told)).not.toMatch(/the-/)
  })
})

describe("around a request", () => {
  /** A hub with an observer around requests, that handles "ask" so. */
  async function around(
    aroundRequest: NonNullable<HubObserver["aroundRequest"]>,
    handle: (data: unknown) => unknown,
  ): Promise<{ ask(): Promise<unknown>; errors: unknown[] }> {
    const errors: unknown[] = []
    const duo = await createDuo({
      transports: ["websocket"],
      hub: { observer: { aroundRequest } },
      serve: (hub) => {
        hub.handle("ask", handle)
        hub.onError((error, { stage }) => void errors.push([String(error), stage]))
      },
    })
    const ask = async (): Promise<unknown> => {
      const answer = duo.channel.request("ask", 20).catch((error: EverwireError) => error.code)
      await expectDelivered(duo)
      return answer
    }
    return { ask, errors }
  }

  it("the handler runs in the context of the observer", async () => {
    const storage = new AsyncLocalStorage<string>()
    const { ask } = await around(
      ({ name }, handle) => storage.run(name, handle),
      async () => {
        await Promise.resolve()
        return storage.getStore()
      },
    )
    expect(await ask()).toBe("ask")
  })

  it("the observer learns when the handler is done, and not what it answers", async () => {
    const seen: unknown[] = []
    const { ask } = await around(
      (_, handle) => {
        const done = handle()
        seen.push(done instanceof Promise)
        return done?.then((value) => seen.push(value))
      },
      async (n) => 2 * (n as number),
    )
    expect(await ask()).toBe(40)
    expect(seen).toEqual([true, undefined])
  })

  it.each<[string, NonNullable<HubObserver["aroundRequest"]>, unknown[]]>([
    ["does not call the handler", () => {}, []],
    ["calls it twice", (_, handle) => void [handle(), handle()], []],
    [
      "throws before it",
      () => {
        throw new Error("mine")
      },
      [["Error: mine", "listener"]],
    ],
    [
      "throws after it",
      (_, handle) => {
        void handle()
        throw new Error("mine")
      },
      [["Error: mine", "listener"]],
    ],
  ])("an observer that %s changes nothing", async (_, aroundRequest, reported) => {
    let calls = 0
    const { ask, errors } = await around(aroundRequest, (n) => {
      calls++
      return 2 * (n as number)
    })
    expect([await ask(), calls, errors]).toEqual([40, 1, reported])
  })

  it.each([
    ["throws", () => Promise.reject(new RequestFailure("not-yours", "no"))],
    [
      "rejects",
      () => {
        throw new RequestFailure("not-yours", "no")
      },
    ],
  ])("a handler that %s fails the request as it would alone, and not the observer", async (_, handle) => {
    const { ask, errors } = await around((_event, run) => run(), handle)
    expect([await ask(), errors]).toEqual(["not-yours", []])
  })
})
