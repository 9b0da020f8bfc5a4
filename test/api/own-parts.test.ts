import { type Channel, type ChannelOptions, createChannel, type Dialer, EverwireError, type Platform } from "everwire"
import { createChannel as createCoreChannel, longPoll, sse, websocket } from "everwire/core"
import { type Authenticate, createHub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, type Duo, type Machine } from "everwire/testing"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createRuntime, disposeAll, onDispose, startHub } from "../support/hub-server.ts"

/** Unhandled rejections and uncaught exceptions, which would have ended the process. */
const fatal: unknown[] = []
const noteFatal = (error: unknown): void => void fatal.push(error)

beforeEach(() => {
  fatal.length = 0
  process.on("unhandledRejection", noteFatal)
  process.on("uncaughtException", noteFatal)
})

afterEach(async () => {
  await disposeAll()
  await new Promise((resolve) => setImmediate(resolve)) // Node looks for unhandled rejections only after the tick.
  process.off("unhandledRejection", noteFatal)
  process.off("uncaughtException", noteFatal)
  expect(fatal).toEqual([])
})

const failure = new Error("of the application")
const never = (): Promise<never> => new Promise(() => {})

function startDuo(options: { channel?: Omit<ChannelOptions, "runtime">; authenticate?: Authenticate }): Promise<Duo> {
  const { channel, authenticate } = options
  return createDuo({
    transports: ["websocket"],
    ...(channel !== undefined && { channel }),
    ...(authenticate !== undefined && { hub: { authenticate } }),
    serve: (hub) => hub.handle("echo", (data) => data),
  })
}

describe("an auth() that never settles", () => {
  it("times out after ten seconds: onError hears of it, and auth() is called again", async () => {
    let asked = 0
    const duo = await startDuo({ channel: { auth: () => (++asked > 1 ? "token" : never()) } })
    const { channel, runtime } = duo
    expect(channel.status).toBe("open")
    expect(duo.errors).toEqual([expect.objectContaining({ code: "timeout", retryable: true })])
    expect(runtime.now() - Date.UTC(2026, 0, 1)).toBeLessThan(11_000)
  })

  it("keeps a returning channel reconnecting for at most ten seconds, and retry() calls it again at once", async () => {
    let answers = true
    let asked = 0
    const { channel, runtime, network } = await startDuo({
      channel: {
        auth() {
          asked++
          return answers ? "token" : never()
        },
      },
    })
    const told: unknown[] = []
    channel.onError((error, stage) => told.push([(error as EverwireError).code, stage]))
    answers = false
    network.cut()
    await runtime.pass(1_000)
    expect([channel.status, asked]).toEqual(["reconnecting", 2])
    answers = true
    channel.retry()
    await runtime.pass(200)
    expect([channel.status, asked, told]).toEqual(["open", 3, []])
    answers = false
    network.cut()
    await runtime.pass(10_500)
    expect([channel.status, told]).toEqual(["reconnecting", [["timeout", "connection"]]])
    answers = true
    channel.retry()
    await runtime.pass(200)
    expect(channel.status).toBe("open")
  })

  it("has a longer timeout or none where the application says so", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    createHub({ runtime, transports: [network.acceptor("websocket")] })
    for (const [authTimeoutMs, timeouts] of [
      [Number.POSITIVE_INFINITY, 0],
      [60_000, 1],
    ] as const) {
      const errors: unknown[] = []
      const channel = createCoreChannel("http://hub", {
        runtime,
        authTimeoutMs,
        auth: never,
        transports: [network.dialer("websocket")],
      })
      channel.onError((error) => errors.push(error))
      await runtime.pass(59_000)
      expect(errors).toEqual([])
      await runtime.pass(50_000)
      expect(errors).toHaveLength(timeouts)
      await channel.close()
    }
  })

  it("and rejects after it was called again is reported, and has no other effect", async () => {
    let reject = (_: unknown): void => {}
    let asked = 0
    const duo = await startDuo({
      channel: {
        auth: () =>
          ++asked > 1
            ? "token"
            : new Promise((_, given) => {
                reject = given
              }),
      },
    })
    reject(failure)
    await duo.runtime.pass(100)
    expect(duo.errors).toEqual([expect.objectContaining({ code: "timeout" }), failure])
    expect(duo.channel.status).toBe("open")
  })
})

describe("an auth()", () => {
  it.each<[string, () => unknown]>([
    ["a bigint", () => 1n],
    ["a cycle", () => Object.assign([], { length: 1, 0: globalThis })],
    [
      "what throws when it is made JSON",
      () => ({
        toJSON() {
          throw failure
        },
      }),
    ],
    [
      "a getter that throws",
      () => ({
        get token() {
          throw failure
        },
      }),
    ],
  ])("that returns %s is reported to onError, and called again", async (_, give) => {
    let asked = 0
    const { channel, errors } = await startDuo({ channel: { auth: () => (++asked > 1 ? "token" : give()) } })
    expect([channel.status, errors.length, asked]).toEqual(["open", 1, 2])
  })

  it("may be async, and authenticate is given its result", async () => {
    const { peer } = await startDuo({
      channel: { auth: async () => ({ token: 7 }) },
      authenticate: ({ auth }) => ({ id: JSON.stringify(auth) }),
    })
    expect(peer.principal.id).toBe('{"token":7}')
  })

  it("may close the channel, call retry() or send, and time continues", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    createHub({ runtime, transports: [network.acceptor("websocket")] }).on("x", () => {})
    let asked = 0
    const open = (auth: () => unknown): ReturnType<typeof createCoreChannel> =>
      createCoreChannel("http://hub", { runtime, auth, transports: [network.dialer("websocket")] })
    const closing = open(() => closing.close())
    const retrying = open(async () => {
      asked++
      retrying.retry()
      await Promise.resolve()
      retrying.retry()
      return (retrying as Channel).send("x")
    })
    retrying.onError(() => expect.unreachable())
    await runtime.pass(10_000)
    expect([closing.status, retrying.status, asked]).toEqual(["closed", "open", 1])
  })

  it("that throws, with an onStatus that calls retry() each time, does not loop within one moment", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    createHub({ runtime, transports: [network.acceptor("websocket")] })
    let asked = 0
    const channel = createCoreChannel("http://hub", {
      runtime,
      transports: [network.dialer("websocket")],
      auth() {
        if (++asked < 50) throw failure
      },
    })
    channel.onError(() => {})
    channel.onStatus((status) => {
      if (status === "connecting") channel.retry()
    })
    await runtime.pass(1_000)
    expect([channel.status, asked]).toEqual(["open", 50])
  })
})

describe("an authenticate()", () => {
  it("that never settles is reported to the hub's onError, and the channel tries again", async () => {
    let judged = 0
    // The channel sends a second hello (a hedge) beside the first, and authenticate hangs for both.
    const duo = await startDuo({ authenticate: () => (++judged > 2 ? { id: "ann" } : never()) })
    const timeout = expect.objectContaining({ code: "timeout", message: expect.stringContaining("authenticate") })
    expect([duo.channel.status, duo.errors]).toEqual(["open", [timeout, timeout]])
  })

  it.each<[string, () => unknown]>([
    ["throws", () => raise()],
    ["rejects", () => Promise.reject(failure)],
    [
      "gives a principal whose id throws",
      () => ({
        get id() {
          return raise()
        },
      }),
    ],
    [
      "gives a thenable that throws",
      // biome-ignore lint/suspicious/noThenProperty: that is what it is for
      () => ({ then: raise }),
    ],
    [
      "gives what throws when asked for `then`",
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: as above
        get then() {
          return raise()
        },
      }),
    ],
  ])("that %s is reported to onError once, and the channel tries again", async (_, judge) => {
    let judged = 0
    const { errors, channel } = await startDuo({
      // Untyped JavaScript can return this.
      authenticate: (() => (++judged > 1 ? { id: "ann" } : judge())) as Authenticate,
    })
    expect([channel.status, errors]).toEqual(["open", [failure]])
  })

  it.each<[what: string, given: unknown]>([
    ["an id that is a number", { id: 42 }],
    ["an object without id", { name: "ann" }],
    ["boolean", true],
    ["string", "ann"],
  ])("that returns %s admits no channel, and is reported to onError as misuse", async (what, given) => {
    // Untyped JavaScript can return this.
    const { url, hub } = await startHub({ authenticate: (() => given) as Authenticate })
    const errors: unknown[] = []
    hub.onError((error, { stage }) => errors.push([error, stage]))
    const channel = createChannel(url, { transports: ["websocket"] })
    await expect(channel.opened).rejects.toMatchObject({ code: "unauthorized" })
    expect(errors).toEqual([
      [expect.objectContaining({ code: "misuse", message: expect.stringContaining(`given: ${what}`) }), "hub"],
    ])
  })

  it("whose thenable resolves and then throws has admitted the channel", async () => {
    const twice = {
      // biome-ignore lint/suspicious/noThenProperty: that is what it is for
      then(resolve: (principal: { id: string }) => void) {
        resolve({ id: "ann" })
        resolve({ id: "bob" })
        throw failure
      },
    }
    // Untyped JavaScript can return this.
    const { errors, peer } = await startDuo({ authenticate: (() => twice) as unknown as Authenticate })
    expect([peer.principal.id, errors]).toEqual(["ann", []])
  })

  it("may close the hub", async () => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const hub = createHub({
      runtime,
      transports: [network.acceptor("websocket")],
      async authenticate() {
        await hub.close()
        return { id: "ann" }
      },
    })
    hub.onPeer(() => expect.unreachable())
    const channel = createCoreChannel("http://hub", { runtime, transports: [network.dialer("websocket")] })
    await runtime.pass(1_000)
    expect([channel.status, hub.peers.size]).toEqual(["connecting", 0])
  })
})

function raise(): never {
  throw failure
}

describe.each(["hub", "channel"] as const)("onError of a %s", (seat) => {
  const second = new Error("of onError itself")

  it.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw second
      },
    ],
    [
      "rejects",
      async () => {
        throw second
      },
    ],
  ])("that %s: the runtime reports its error, and the other listeners hear the first error", async (_, act) => {
    const duo = await startDuo({})
    const { hub, channel, peer, runtime } = duo
    const heard: unknown[] = []
    const target = seat === "hub" ? hub : channel
    target.onError(act)
    target.onError((error) => heard.push(error))
    target.on("x", raise)
    if (seat === "hub") channel.send("x")
    else peer.send("x")
    await runtime.pass(1_000)
    expect([heard, duo.errors]).toEqual([[failure], [second]])
  })

  it("and a runtime's report that fails too: both errors are lost, and the session continues", async () => {
    for (const report of [raise, async () => raise()]) {
      const runtime = createVirtualRuntime()
      const network = createNetwork({ runtime })
      const broken = { ...runtime.machine(), report }
      const hub = createHub({ runtime: broken, transports: [network.acceptor("websocket")] })
      const channel = createCoreChannel("http://hub", {
        runtime: broken,
        transports: [network.dialer("websocket")],
      })
      hub.handle("x", raise)
      channel.handle("x", raise)
      hub.on("x", raise)
      channel.send("x")
      await runtime.pass(1_000)
      const outcomes = Promise.allSettled([channel.request("x"), [...hub.peers.values()][0]?.request("x")])
      await runtime.pass(1_000)
      const failed = { status: "rejected", reason: expect.objectContaining({ code: "request-failed" }) }
      expect(await outcomes).toEqual([failed, failed])
    }
  })
})

it("a warn() that throws is reported to the hub's onError, and the refused client is still answered", async () => {
  const hub = createHub({ runtime: createRuntime({ warn: raise }) })
  onDispose(() => hub.close())
  const errors: unknown[] = []
  hub.onError((error, { stage }) => errors.push([error, stage]))
  const headers = { origin: "http://evil.example" }
  const answer = await hub.fetch(new Request("http://hub/everwire/sse", { method: "POST", headers }))
  const header = (name: string): string | undefined => headers[name as keyof typeof headers]
  const verdict = createHub({ runtime: createRuntime({ warn: raise }) }).upgrade("/everwire/sse", { header })
  expect([answer.status, errors, verdict]).toEqual([403, [[failure, "hub"]], expect.objectContaining({ status: 403 })])
})

describe("an AbortSignal of a foreign implementation", () => {
  const like = { aborted: false, addEventListener() {}, removeEventListener() {} }

  it.each<[string, object]>([
    ["that throws when it is let go", { ...like, removeEventListener: raise }],
    ["that cannot be let go", { ...like, removeEventListener: undefined }],
  ])("%s: onError hears of it, the request settles, the session continues", async (_, signal) => {
    const duo = await startDuo({})
    const { hub, channel, peer, runtime } = duo
    hub.handle("hangs", never)
    channel.handle("echo", (data) => data)
    const options = { timeoutMs: 1_000, signal: signal as AbortSignal } // Untyped JavaScript can pass this.
    const outcomes = Promise.allSettled([
      channel.request("echo", 1, options),
      channel.request("hangs", 1, options),
      peer.request("echo", 2, options),
    ])
    await runtime.pass(2_000)
    expect(await outcomes).toMatchObject([{ value: 1 }, { reason: { code: "request-timeout" } }, { value: 2 }])
    expect(duo.errors).toHaveLength(3)
    expect(channel.explain().incidents.map(({ what }) => what)).not.toContain("closed")
  })

  it("that cannot be listened to: the request rejects, and is not sent", async () => {
    const { hub, channel, runtime } = await startDuo({})
    hub.handle("x", () => expect.unreachable())
    const signal = { ...like, addEventListener: raise } as unknown as AbortSignal
    await expect(channel.request("x", 1, { signal })).rejects.toBe(failure)
    await runtime.pass(20_000)
    expect(channel.stats().sent).toBe(0)
  })
})

describe("an answer for which the outbox has no room", () => {
  it("is reported on the channel; the hub gets an error answer where there is room for that", async () => {
    const { channel, peer, network, runtime } = await startDuo({ channel: { maxOutboxBytes: 4_000 } })
    const told: unknown[] = []
    channel.onError((error, stage) => told.push([(error as EverwireError).code, stage]))
    channel.handle("large", () => "x".repeat(3_000))
    const outcome = peer.request("large", undefined, { timeoutMs: 5_000 }).catch((error: unknown) => error)
    network.holdBack("websocket", 1_000)
    await runtime.pass(5)
    channel.send("chatter", "y".repeat(2_000))
    await runtime.pass(1_000)
    expect(told).toEqual([["buffer-full", "request"]])
    expect(await outcome).toMatchObject({ code: "buffer-full" })
  })

  it("is reported on the channel also where an error answer has no room, however the handler ended", async () => {
    const { channel, peer, runtime } = await startDuo({ channel: { maxOutboxBytes: 100 } })
    const told: unknown[] = []
    channel.onError((error, stage) => told.push([Object(error).code ?? error, stage]))
    channel.handle("answers", () => 1)
    channel.handle("throws", raise)
    channel.handle("rejects", async () => raise())
    for (const name of ["answers", "throws", "rejects", "is not there"]) {
      peer.request(name, undefined, { timeoutMs: 100 }).catch(() => {})
    }
    await runtime.pass(5)
    channel.send("chatter", "y".repeat(50))
    await runtime.pass(1_000)
    const full = ["buffer-full", "request"]
    expect(told).toEqual([full, [failure, "request"], full, full, [failure, "request"], full])
  })

  it("ends the peer at the hub: onClose is called once, and onError is not", async () => {
    const duo = await createDuo({
      transports: ["websocket"],
      hub: { maxOutboxBytes: 4_000 },
      serve: (hub) => {
        hub.handle("large", async () => "x".repeat(3_000))
        hub.on("chatter", () => {})
      },
    })
    const told: unknown[] = []
    duo.hub.onError((error, { stage, peer }) => told.push([(error as EverwireError).code, stage, peer]))
    const { peer, channel, runtime } = duo
    peer.onClose(({ code }) => told.push(code))
    channel.request("large").catch(() => {})
    channel.request("large").catch(() => {})
    await runtime.pass(1_000)
    expect(told).toEqual(["buffer-full"])
  })
})

describe("data with code of its own that runs while it is encoded as JSON", () => {
  it("may send another message meanwhile: each message arrives under its own name", async () => {
    const { channel, hub, peer, runtime } = await startDuo({})
    const heard: unknown[] = []
    for (const name of ["outer", "inner"]) {
      hub.on(name, (data) => heard.push([name, data]))
      channel.on(name, (data) => heard.push([name, data]))
    }
    for (const end of [channel, peer, hub]) {
      let isFirst = true // A payload is checked before it is encoded, so `toJSON` is called twice.
      end.send("outer", {
        toJSON() {
          if (isFirst) end.send("inner", 1)
          isFirst = false
          return 2
        },
      })
    }
    await runtime.pass(1_000)
    const pair = [
      ["inner", 1],
      ["outer", 2],
    ]
    expect(heard.toSorted()).toEqual([...pair, ...pair, ...pair].toSorted())
  })

  it("may close the channel: then the call fails with `closed`, and no request waits", async () => {
    for (const call of ["send", "request"] as const) {
      const { channel, runtime } = await startDuo({})
      const data = {
        toJSON() {
          void channel.close()
          return 1
        },
      }
      const outcome = new Promise((resolve) => resolve(channel[call]("x", data))).catch((error: unknown) => error)
      await runtime.pass(100)
      expect(await outcome).toMatchObject({ code: "closed" })
    }
  })

  it("in an answer may throw: this side's onError hears the error, and the other side sees nothing of it", async () => {
    const { channel, hub, peer, runtime } = await startDuo({})
    const told: unknown[] = []
    hub.onError((error, { stage }) => told.push([error, stage]))
    channel.onError((error, stage) => told.push([error, stage]))
    const answer = (): unknown => ({
      get secret() {
        throw failure
      },
    })
    hub.handle("x", answer)
    channel.handle("x", async () => answer())
    const outcomes = Promise.all([channel, peer].map((end) => end.request("x").catch((error: unknown) => error)))
    await runtime.pass(1_000)
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ code: "payload-unsupported", message: "the answer cannot be sent" })
    }
    const unsupported = expect.objectContaining({ code: "payload-unsupported", cause: failure })
    expect(told).toEqual([
      [unsupported, "request"],
      [unsupported, "request"],
    ])
  })
})

describe("a request handler", () => {
  it("that fails after the request was given up is reported to onError, unless its signal was aborted", async () => {
    const { hub, channel, runtime } = await startDuo({})
    const told: unknown[] = []
    hub.onError((error) => told.push(error))
    const later = (error: Error): Promise<never> =>
      new Promise((_, reject) => runtime.after(5_000, () => reject(error)))
    hub.handle("fails", () => later(failure))
    hub.handle("heeds its signal", () => later(new DOMException("stop", "AbortError")))
    hub.handle("says so", () => later(new EverwireError("closed", "the peer is closed")))
    for (const name of ["fails", "heeds its signal", "says so"]) {
      channel.request(name, undefined, { timeoutMs: 1_000 }).catch(() => {})
    }
    await runtime.pass(10_000)
    expect(told).toEqual([failure])
  })

  it.each<[string, () => unknown]>([
    ["what throws when it is looked at", () => Object.defineProperty({}, "name", { get: raise })],
    ["what has no words", () => Object.create(null)],
    [
      "a proxy that was revoked",
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      },
    ],
  ])(
    "that throws %s fails the request and is reported, whether the other side still waits or not",
    async (_, create) => {
      const { hub, channel, runtime } = await startDuo({})
      const told: unknown[] = []
      hub.onError((error) => told.push(error))
      const thrown = create()
      hub.handle("late", async () => {
        await new Promise<void>((resolve) => runtime.after(2_000, resolve))
        throw thrown as Error // The thrown value is not an Error.
      })
      const outcomes = Promise.allSettled([
        channel.request("late", 1, { timeoutMs: 5_000 }),
        channel.request("late", 1, { timeoutMs: 1_000 }),
      ])
      await runtime.pass(6_000)
      expect(await outcomes).toMatchObject([
        { reason: { code: "request-failed" } },
        { reason: { code: "request-timeout" } },
      ])
      expect(told.map((error) => error === thrown)).toEqual([true, true])
    },
  )

  it("may throw a RequestFailure of another copy of the class, and its code reaches the other side", async () => {
    const { hub, channel, runtime } = await startDuo({})
    hub.handle("x", () => {
      throw Object.assign(new Error("no such page"), { name: "RequestFailure", code: "no-page", data: [1] })
    })
    const outcome = Promise.allSettled([channel.request("x")])
    await runtime.pass(1_000)
    expect(await outcome).toMatchObject([{ reason: { code: "no-page", message: "no such page", data: [1] } }])
  })

  it("that looks at its signal only after the abort finds it aborted", async () => {
    const { hub, channel, runtime } = await startDuo({})
    const seen: boolean[] = []
    hub.handle("x", async (_, __, request) => {
      await new Promise<void>((resolve) => runtime.after(5_000, resolve))
      seen.push(request.signal.aborted)
    })
    channel.request("x", undefined, { timeoutMs: 1_000 }).catch(() => {})
    await runtime.pass(10_000)
    expect(seen).toEqual([true])
  })
})

describe("an application's own transport", () => {
  /** Connects a channel that prefers this dialer and has a working one as its second transport. */
  async function dialed(
    spoil: (dialer: Dialer) => Dialer,
  ): Promise<{ status: string; transport: string | undefined; told: unknown[]; reply: unknown }> {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    const names = ["own", "short-poll"]
    const hub = createHub({ runtime, transports: names.map((name) => network.acceptor(name)) })
    hub.handle("echo", (data) => data)
    const [own, other] = names.map((name) => network.dialer(name)) as [Dialer, Dialer] // The list above has two names.
    const channel = createCoreChannel("http://hub", { runtime, store: null, transports: [spoil(own), other] })
    const told: unknown[] = []
    channel.onError((error, stage) => told.push([error, stage]))
    const reply = channel.request("echo", 7, { timeoutMs: 20_000 })
    await runtime.pass(20_000)
    return { status: channel.status, transport: channel.transport, told, reply: await reply }
  }

  const told = [[failure, "connection"]]

  it("whose dial() throws counts as a failed transport", async () => {
    let dials = 0
    const scene = await dialed((dialer) => ({
      ...dialer,
      supported: () => true,
      dial: (...given) => (++dials > 1 ? dialer.dial(...given) : raise()),
    }))
    expect(scene).toMatchObject({ status: "open", told, reply: 7 })
  })

  it("whose dial() returns nothing counts as a failed transport", async () => {
    let dials = 0
    const scene = await dialed((dialer) => ({
      ...dialer,
      supported: () => true,
      // Untyped JavaScript can return this.
      dial: (...given) => (++dials > 1 ? dialer.dial(...given) : (undefined as never)),
    }))
    expect(scene).toMatchObject({ status: "open", reply: 7, told: [[expect.any(TypeError), "connection"]] })
  })

  it.each<[string, Dialer["leave"]]>([
    ["throws", raise],
    ["rejects", async () => raise()],
  ])("whose `leave` %s is reported, and the channel is closed", async (_, leave) => {
    const runtime = createVirtualRuntime()
    const network = createNetwork({ runtime })
    // Untyped JavaScript can define this.
    const own = { ...network.dialer("own"), supported: () => true, leave } as Dialer
    const channel = createCoreChannel("http://hub", { runtime, store: null, transports: [own] })
    const told: unknown[] = []
    channel.onError((error, stage) => told.push([error, stage]))
    await runtime.pass(100)
    const closed = channel.close({ flushMs: 0 })
    await runtime.pass(5_000)
    await closed
    expect([channel.status, told]).toEqual(["closed", [[failure, "connection"]]])
  })

  it("whose link is a frozen object carries the session", async () => {
    const scene = await dialed((dialer) => ({
      ...dialer,
      supported: () => true,
      dial(...given) {
        const link = dialer.dial(...given)
        const send: typeof link.send = (batch) => link.send(batch)
        const close: typeof link.close = (why) => link.close(why)
        return Object.freeze({ name: link.name, bufferedBytes: 0, send, close })
      },
    }))
    expect(scene).toMatchObject({ status: "open", transport: "own", reply: 7, told: [] })
  })

  it.each(["send", "close", "bufferedBytes"] as const)(
    "whose link throws at `%s` loses that link, and the channel dials again",
    async (member) => {
      let dials = 0
      const scene = await dialed((dialer) => ({
        ...dialer,
        supported: () => true,
        dial(...given) {
          const link = dialer.dial(...given)
          if (++dials > 1) return link
          let calls = 0
          // The hello is still sent; the second call of `send` throws.
          const spoilt = (): never | undefined => (++calls > (member === "send" ? 1 : 0) ? raise() : undefined)
          return {
            name: link.name,
            send(batch) {
              if (member === "send") spoilt()
              link.send(batch)
            },
            close(why) {
              link.close(why)
              if (member === "close") spoilt()
            },
            get bufferedBytes() {
              if (member === "bufferedBytes") spoilt()
              return link.bufferedBytes
            },
          }
        },
      }))
      expect(scene).toMatchObject({ status: "open", reply: 7, told: member === "close" ? [] : told })
    },
  )

  it("whose `supported` throws is reported, and the channel tries again", async () => {
    let asked = 0
    const scene = await dialed((dialer) => ({ ...dialer, supported: () => ++asked > 1 || raise() }))
    expect(scene).toMatchObject({ status: "open", told, reply: 7 })
  })

  it.each(["send", "close", "bufferedBytes"] as const)(
    "whose link throws at `%s` at the hub loses that link, and the channel dials again",
    async (member) => {
      const runtime = createVirtualRuntime()
      const machine: Machine = runtime.machine()
      const network = createNetwork({ runtime })
      const acceptor = network.acceptor("own")
      let admitted = 0
      const hub = createHub({
        runtime: machine,
        transports: [
          {
            ...acceptor,
            name: "own",
            open: (door) =>
              acceptor.open({
                ...door,
                admit(link, origin) {
                  if (++admitted > 1) return door.admit(link, origin)
                  let calls = 0
                  const spoilt = {
                    name: link.name,
                    send(batch: never) {
                      if (member === "send" && ++calls > 1) raise()
                      link.send(batch)
                    },
                    close(why: never) {
                      link.close(why)
                      if (member === "close") raise()
                    },
                    get bufferedBytes() {
                      if (member === "bufferedBytes" && ++calls > 1) raise()
                      return link.bufferedBytes
                    },
                  }
                  return door.admit(spoilt, origin)
                },
              }),
          },
        ],
      })
      hub.handle("echo", (data) => data)
      const told: unknown[] = []
      hub.onError((error, { stage }) => told.push([error, stage]))
      const channel = createCoreChannel("http://hub", { runtime, transports: [network.dialer("own")] })
      const reply = channel.request("echo", 7, { timeoutMs: 30_000 })
      await runtime.pass(30_000)
      expect(await reply).toBe(7)
      if (member === "close") for (const peer of hub.peers.values()) peer.close()
      await runtime.pass(1_000)
      expect(told).toEqual([[failure, "hub"]])
    },
  )

  it("at the hub: a close() that throws does not prevent the close of the other transports", async () => {
    const runtime = createVirtualRuntime()
    const closed: string[] = []
    const told: unknown[] = []
    const hub = createHub({
      runtime,
      transports: ["a", "b"].map((name) => ({
        name,
        open: () => ({
          close() {
            closed.push(name)
            if (name === "a") raise()
          },
        }),
      })),
    })
    hub.onError((error) => told.push(error))
    await hub.close()
    expect([closed, told]).toEqual([["a", "b"], [failure]])
  })

  it("at the hub: a WebSocket that it fails to accept is ended", async () => {
    const runtime = createVirtualRuntime()
    const async = (async () => raise()) as () => unknown // Untyped JavaScript can pass an async function.
    for (const socket of [raise, async]) {
      const told: unknown[] = []
      const hub = createHub({
        runtime,
        transports: [{ name: "websocket", open: () => ({ socket: socket }) }],
      })
      hub.onError((error) => told.push(error))
      const verdict = hub.upgrade("/everwire/websocket", { header: () => undefined })
      if (verdict === undefined || !("take" in verdict)) throw new Error("not taken")
      let ended = 0
      verdict.take(
        {
          bufferedAmount: 0,
          send() {},
          close() {},
          hear() {},
          terminate() {
            ended++
            raise()
          },
        },
        { transport: "websocket", address: undefined, header: () => undefined },
      )
      await Promise.resolve().then(() => {})
      await Promise.resolve().then(() => {})
      expect([ended, told]).toEqual([1, [failure, failure]])
    }
  })
})

describe("an application's own platform", () => {
  const wordless = Object.create(null) as Error // This error has no message and cannot be converted to a string.

  it.each<[string, Platform, "websocket" | "sse" | "long-poll"]>([
    ["openSocket throws", { openSocket: raise }, "websocket"],
    [
      "openSocket throws what has no words",
      {
        openSocket() {
          throw wordless
        },
      },
      "websocket",
    ],
    ["openSocket gives a number", { openSocket: () => 5 as never }, "websocket"],
    ["openSocket gives null", { openSocket: () => null as never }, "websocket"],
    ["openSocket gives a promise that rejects", { openSocket: () => handled() as never }, "websocket"],
    ["openStream throws", { openStream: raise }, "sse"],
    ["openStream gives null", { openStream: () => null as never }, "sse"],
    ["openStream gives what cannot be closed", { openStream: () => ({ close: raise }) as never }, "sse"],
    ["fetch throws", { fetch: raise }, "long-poll"],
    ["fetch rejects with what has no words", { fetch: () => Promise.reject(wordless) }, "long-poll"],
    ["fetch gives nothing", { fetch: async () => undefined as never }, "long-poll"],
    ["fetch never answers", { fetch: never }, "long-poll"],
    ["a getter throws", Object.defineProperty({}, "openSocket", { get: raise, enumerable: true }), "websocket"],
  ])("whose %s: the channel keeps trying, and can be closed", async (_, platform, transport) => {
    const { url } = await startHub()
    const runtime = createRuntime()
    const dialer = { websocket, sse, "long-poll": longPoll }[transport]
    const channel = createCoreChannel(url, { transports: [dialer], platform, runtime, store: null })
    onDispose(() => channel.close({ flushMs: 0 }))
    const settled = new Promise<string>((resolve) => {
      channel.onStatus((status) => resolve(status))
      runtime.after(500, () => resolve("still dialing"))
    })
    expect(["connecting", "still dialing", "closed"]).toContain(await settled)
    await channel.close({ flushMs: 0 })
    expect(channel.status).toBe("closed")
  })

  it("whose socket throws in send() loses that link with the code `network`", async () => {
    const { url } = await startHub()
    const runtime = createRuntime()
    const told: unknown[] = []
    const openSocket = (): never => {
      const socket = { binaryType: "", bufferedAmount: 0, send: raise, close: raise } as Record<string, unknown>
      setImmediate(() => (socket["onopen"] as () => void)()) // A WebSocket calls `onopen` in a later task.
      return socket as never
    }
    const channel = createCoreChannel(url, {
      transports: [websocket],
      platform: { openSocket },
      runtime,
      store: null,
      auth: () => "x".repeat(5_000),
    })
    channel.onError((error) => told.push(error))
    onDispose(() => channel.close({ flushMs: 0 }))
    const closing = await new Promise((resolve) => channel.onStatus((_, detail) => resolve(detail.closing)))
    expect(closing).toMatchObject({ code: "network", reason: expect.stringContaining("of the application") })
  })

  function handled(): Promise<never> {
    const rejecting = Promise.reject(failure)
    rejecting.catch(() => {})
    return rejecting
  }
})

describe("an application's own store", () => {
  it.each<[string, unknown]>([
    ["throws", { getItem: raise, setItem: raise }],
    ["rejects, as stores of React Native may", { getItem: async () => raise(), setItem: async () => raise() }],
    ["gives nonsense", { getItem: () => 5, setItem: () => 5 }],
    ["holds nonsense", { getItem: () => '{"broken":5,"heartbeatMs":4000.5,"holdMs":1e300}', setItem() {} }],
    ["holds null", { getItem: () => "null", setItem() {} }],
    ["lacks its functions", {}],
  ])("that %s: the channel starts with no memory of the network", async (_, store) => {
    const { url } = await startHub()
    // Untyped JavaScript can pass this.
    const channel = createChannel(url, { transports: ["long-poll"], store: store as never })
    onDispose(() => channel.close({ flushMs: 0 }))
    channel.onError(() => expect.unreachable())
    await channel.opened
    await channel.flush()
    expect(channel.status).toBe("open")
  })
})
