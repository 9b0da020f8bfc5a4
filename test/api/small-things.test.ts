import { createHub } from "everwire/server"
import { createDuo } from "everwire/testing"
import { afterEach, describe, expect, it } from "vitest"
import { connect, disposeAll, startDuo, startHub } from "../support/hub-server.ts"

afterEach(disposeAll)

const misuse = (message: string): unknown =>
  expect.objectContaining({ code: "misuse", message: expect.stringContaining(message) })

describe("a function that is subscribed twice", () => {
  it("is called for each subscription, and each subscription is cancelled separately, once", async () => {
    const { hub, channel, peer, runtime } = await createDuo()
    const calls: string[] = []
    const on = (name: string): (() => void) => {
      return () => void calls.push(name)
    }
    const subscribers: Record<string, (listener: () => void) => () => void> = {
      "hub.on": (listener) => hub.on("x", listener),
      "peer.on": (listener) => peer.on("x", listener),
      "channel.on": (listener) => channel.on("x", listener),
      "channel.onStatus": (listener) => channel.onStatus(listener),
      "hub.onPeer": (listener) => hub.onPeer(listener),
      "peer.onClose": (listener) => peer.onClose(listener),
    }
    for (const [name, subscribe] of Object.entries(subscribers)) {
      const listener = on(name)
      const off = subscribe(listener)
      subscribe(listener)
      off()
      off()
    }
    channel.send("x")
    peer.send("x")
    await runtime.pass(1_000)
    expect(calls.toSorted()).toEqual(["channel.on", "hub.on", "peer.on"])
    peer.close()
    await runtime.pass(1_000)
    expect(calls.slice(3).toSorted()).toEqual(["channel.onStatus", "peer.onClose"])
  })

  it("handles requests again when it is set again, although its first unsubscribe is called once more", async () => {
    const { hub, channel, peer, runtime } = await createDuo()
    const handler = (): number => 7
    for (const seat of [hub, peer, channel]) {
      const off = seat.handle("x", handler)
      off()
      const last = seat.handle("x", handler)
      off()
      const asker = seat === channel ? peer : channel
      const reply = asker.request("x")
      await runtime.pass(1_000)
      expect(await reply).toBe(7)
      last()
    }
  })

  it("is called twice for a new peer while both subscriptions are active", async () => {
    let calls = 0
    const count = (): void => void calls++
    await createDuo({
      serve(hub) {
        hub.onPeer(count)
        hub.onPeer(count)
      },
    })
    expect(calls).toBe(2)
  })

  it("is not called after it is cancelled, not even for the event that is being delivered", async () => {
    const { hub, channel, peer, runtime } = await createDuo()
    const calls: string[] = []
    const offs: (() => void)[] = []
    hub.on("x", () => offs.forEach((off) => void off()))
    offs.push(hub.on("x", () => calls.push("hub.on")))
    peer.onClose(() => offs.forEach((off) => void off()))
    offs.push(peer.onClose(() => calls.push("onClose")))
    channel.onStatus(() => offs.forEach((off) => void off()))
    offs.push(channel.onStatus(() => calls.push("onStatus")))
    channel.send("x")
    await runtime.pass(1_000)
    peer.close()
    await runtime.pass(1_000)
    expect(calls).toEqual([])
  })
})

describe("wrong arguments from untyped JavaScript are misuse, at the call:", () => {
  const nothing = undefined as never

  it("a value that is not a function, in place of a callback", async () => {
    const { hub, channel, peer } = await createDuo()
    const calls: Record<string, () => unknown> = {
      "hub.on": () => hub.on("x", nothing),
      "hub.handle": () => hub.handle("x", nothing),
      "hub.onPeer": () => hub.onPeer(nothing),
      "hub.onError": () => hub.onError(nothing),
      "hub.onRefused": () => hub.onRefused(nothing),
      "peer.on": () => peer.on("x", nothing),
      "peer.handle": () => peer.handle("x", nothing),
      "peer.onClose": () => peer.onClose(nothing),
      "channel.on": () => channel.on("x", nothing),
      "channel.handle": () => channel.handle("x", nothing),
      "channel.onStatus": () => channel.onStatus(nothing),
      "channel.onReset": () => channel.onReset(nothing),
      "channel.onError": () => channel.onError(nothing),
    }
    for (const [name, call] of Object.entries(calls)) expect(call, name).toThrow(misuse("function"))
  })

  it("an array of rooms or undefined in place of room names", async () => {
    const { hub, peer } = await createDuo()
    const list = ["a", "b"] as never
    expect(() => hub.to(list)).toThrow(misuse("to(...rooms)"))
    expect(() => hub.to("a").except(list)).toThrow(misuse("a room is a string"))
    expect(() => hub.to(nothing)).toThrow(misuse("a room is a string"))
    expect(() => peer.join(nothing)).toThrow(misuse("a room is a string"))
    hub.to("a").except(peer, "b").send("x")
  })

  it("a value that is not a list of transports, or has entries that are not a hub's transports", () => {
    for (const transports of ["sse", {}, [undefined], [{ name: "sse" }]]) {
      expect(() => createHub({ transports: transports as never })).toThrow(misuse("transport"))
    }
  })
})

describe("messages()", () => {
  it("keeps messages that arrive before the first next()", async () => {
    const { channel, peer, runtime } = await createDuo()
    const loop = channel.messages("n")
    peer.send("n", 1)
    peer.send("n", 2)
    await runtime.pass(1_000)
    peer.send("n", 3)
    const got = [await loop.next(), await loop.next()].map(({ value }) => value)
    await runtime.pass(1_000)
    expect([...got, (await loop.next()).value]).toEqual([1, 2, 3])
  })

  it.each(["waits for a message", "has not begun"])("is left at once by return() while it %s", async (when) => {
    const { channel, peer, runtime } = await createDuo()
    const loop = channel.messages("n")
    const waiting = when === "has not begun" ? [] : [loop.next(), loop.next()]
    expect(await loop.return()).toEqual({ done: true, value: undefined })
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => ({ done: true, value: undefined })))
    peer.send("n", 1)
    await runtime.pass(1_000)
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  it.each(["waits for a message", "has not begun"])("is ended at once by throw() while it %s", async (when) => {
    const { channel, peer, runtime } = await createDuo()
    const loop = channel.messages("n")
    const waiting = when === "has not begun" ? [] : [loop.next(), loop.next()]
    const failure = new Error("enough")
    await expect(loop.throw(failure)).rejects.toBe(failure)
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => ({ done: true, value: undefined })))
    peer.send("n", 1)
    await runtime.pass(1_000)
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  it("gives the messages that came before the channel was closed, then ends; two loops each get all", async () => {
    const { channel, peer, runtime } = await createDuo()
    const loops = [channel.messages("n"), channel.messages("n")]
    peer.send("n", 1)
    peer.send("n", 2)
    peer.close()
    await runtime.pass(1_000)
    for (const loop of loops) {
      const heard: unknown[] = []
      for await (const data of loop) heard.push(data)
      expect(heard).toEqual([1, 2])
    }
  })

  it.each(["waits for a message", "has messages to give"])(
    "ends with its signal while it %s, and gives none any more",
    async (when) => {
      const { channel, peer, runtime } = await createDuo()
      const controller = new AbortController()
      const loop = channel.messages("n", { signal: controller.signal })
      const waiting = when === "waits for a message" ? [loop.next(), loop.next()] : []
      if (waiting.length === 0) for (let n = 0; n < 3; n++) peer.send("n", n)
      await runtime.pass(1_000)
      if (waiting.length === 0) expect(await loop.next()).toEqual({ done: false, value: 0 })
      controller.abort()
      peer.send("n", "late")
      await runtime.pass(1_000)
      for (const next of [...waiting, loop.next()]) expect(await next).toEqual({ done: true, value: undefined })
    },
  )

  it("ends at once with a signal that has fired, and on a channel that is closed", async () => {
    const { channel, peer, runtime } = await createDuo()
    const heard: unknown[] = []
    for await (const data of channel.messages("n", { signal: AbortSignal.abort() })) heard.push(data)
    peer.close()
    await runtime.pass(1_000)
    for await (const data of channel.messages("n")) heard.push(data)
    expect(heard).toEqual([])
  })

  it("gives one message when it is to hear one", async () => {
    const { channel, peer, runtime } = await createDuo()
    const loop = channel.messages("n", { once: true })
    peer.send("n", 1)
    peer.send("n", 2)
    await runtime.pass(1_000)
    const heard: unknown[] = []
    for await (const data of loop) heard.push(data)
    expect(heard).toEqual([1])
  })

  it("ends its subscriptions when the loop is left by a break", async () => {
    const { channel, peer, runtime } = await createDuo()
    const loop = channel.messages("n")
    peer.send("n", 1)
    peer.send("n", 2)
    await runtime.pass(1_000)
    for await (const data of loop) {
      expect(data).toBe(1)
      break
    }
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })
})

describe("a peer that closes", () => {
  it("still has its rooms in onClose, but messages to those rooms do not reach it", async () => {
    const { hub, peer, channel, runtime } = await createDuo()
    const seen: unknown[] = []
    channel.on("bye", (data) => seen.push(data))
    peer.join("lobby")
    peer.join("kitchen")
    peer.onClose(() => {
      seen.push([...peer.rooms], [...hub.peers.keys()])
      for (const room of peer.rooms) hub.to(room).send("bye")
    })
    peer.close()
    await runtime.pass(1_000)
    expect(seen).toEqual([["lobby", "kitchen"], []])
    expect(peer.rooms).toEqual(new Set())
  })

  it("calls a listener that is added after the close, at the end of the tick", async () => {
    const { peer, runtime } = await createDuo()
    peer.close("that is all")
    const told: unknown[] = []
    peer.onClose((closing) => told.push(closing))
    peer.onClose(() => told.push("cancelled"))()
    expect(told).toEqual([])
    await runtime.pass(0)
    expect(told).toEqual([{ code: "closed", reason: "that is all", retryable: false, undelivered: 0 }])
  })
})

describe("a message whose handler is not set yet", () => {
  it("waits on a channel until the end of the tick in which `opened` resolved, in its order among others", async () => {
    const { hub, url } = await startHub()
    hub.handle("echo", () => "echo")
    hub.onPeer((peer) => {
      peer.send("a", 1)
      peer.send("b", 2)
      peer.send("a", 3)
    })
    const heard: unknown[] = []
    const channel = await connect(url, { transports: ["websocket"] })
    for (const name of ["a", "b"]) channel.on(name, (data) => heard.push(data))
    await channel.request("echo")
    expect(heard).toEqual([1, 2, 3])
  })

  it("is dropped after that tick on a channel, without an error", async () => {
    const { channel, peer, runtime, errors } = await createDuo()
    peer.send("a", 1)
    await runtime.pass(1_000)
    channel.on("a", () => expect.unreachable())
    await runtime.pass(1_000)
    expect(errors).toEqual([])
  })

  it.each(["hub.on", "peer.on"] as const)(
    "is reported at the hub when %s comes too late: once, with what to do",
    async (how) => {
      const told: unknown[] = []
      const { channel, hub, peer, runtime } = await createDuo({
        serve: (hub) => hub.onError((error, { stage }) => told.push([error, stage])),
      })
      for (let n = 0; n < 3; n++) channel.send('chät"', n)
      channel.send("ignored")
      await runtime.pass(1_000)
      expect(told).toEqual([])
      const target = how === "hub.on" ? hub : peer
      const off = target.on('chät"', () => {})
      target.on('chät"', () => {})
      target.on("never said", () => {})
      off()
      const message = expect.stringContaining("chät")
      expect(told).toEqual([[expect.objectContaining({ code: "message-unhandled", message }), "message"]])
    },
  )

  it("is remembered by name, for a limited number of names that clients choose", async () => {
    let told = 0
    const { channel, peer, hub, runtime } = await createDuo({ serve: (hub) => hub.onError(() => void told++) })
    for (let n = 0; n < 1_000; n++) channel.send(`name ${n}`)
    await runtime.pass(10_000)
    for (let n = 0; n < 1_000; n++) hub.on(`name ${n}`, () => {})
    expect(told).toBe(256)
    for (let n = 0; n < 1_000; n++) peer.on(`name ${n}`, () => {})
    expect(told).toBe(256 + 16)
  })
})

describe("flush()", () => {
  it.each(["channel", "peer"] as const)(
    "of a %s takes one round trip, with what was sent in the same tick",
    async (side) => {
      const { channel, peer, runtime, hub } = await createDuo({ transports: ["websocket"], latencyMs: 10 })
      hub.on("n", () => {})
      const end = side === "channel" ? channel : peer
      await runtime.pass(6_000)
      for (const messages of [1, 2, 500]) {
        const startedAt = runtime.now()
        for (let n = 0; n < messages; n++) end.send("n", n)
        const first = end.flush()
        end.send("n", "and more")
        let tookMs = 0
        void Promise.all([first, end.flush()]).then(() => {
          tookMs = runtime.now() - startedAt
        })
        await runtime.pass(1_000)
        expect([messages, tookMs]).toEqual([messages, 20])
      }
    },
  )

  it.each(["channel", "peer"] as const)(
    "of a %s whose link broke meanwhile is answered on the next link",
    async (side) => {
      const { channel, peer, runtime, network, hub } = await createDuo({ transports: ["websocket"], latencyMs: 10 })
      hub.on("n", () => {})
      const end = side === "channel" ? channel : peer
      await runtime.pass(6_000)
      end.send("n", 1)
      let tookMs = 0
      const startedAt = runtime.now()
      void end.flush().then(() => {
        tookMs = runtime.now() - startedAt
      })
      await runtime.pass(5)
      network.cut()
      await runtime.pass(10_000)
      expect(tookMs).toBeGreaterThan(0)
      expect(tookMs).toBeLessThan(100)
    },
  )

  it("of a peer rejects when the peer is closed meanwhile, and when it is closed already", async () => {
    const { peer, runtime, network } = await createDuo({ transports: ["websocket"] })
    network.freeze()
    peer.send("n", 1)
    const outcome = peer.flush().catch((error: unknown) => error)
    peer.close("enough")
    await runtime.pass(100)
    expect(await outcome).toMatchObject({ code: "closed", message: "enough" })
    await expect(peer.flush()).rejects.toMatchObject({ code: "closed" })
    await expect(peer.writable()).rejects.toMatchObject({ code: "closed" })
  })

  it.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
    "is quick over a real %s too",
    async (transport) => {
      const { hub, channel, peer } = await startDuo({}, { transports: [transport] })
      hub.on("n", () => {})
      channel.on("n", () => {})
      channel.send("n", 1)
      peer.send("n", 1)
      await Promise.all([channel.flush(), peer.flush()])
      expect([channel.bufferedBytes, peer.bufferedBytes]).toEqual([0, 0])
    },
  )
})

describe("draining a hub", () => {
  it("asks channels to acknowledge messages that were sent in the same tick", async () => {
    const { hub, peer, channel, runtime } = await createDuo({ transports: ["websocket"], latencyMs: 10 })
    channel.on("n", () => {})
    await runtime.pass(6_000)
    peer.send("n", 1)
    const startedAt = runtime.now()
    let tookMs = 0
    void hub.close({ drainMs: 10_000 }).then(() => {
      tookMs = runtime.now() - startedAt
    })
    await runtime.pass(1_000)
    expect(tookMs).toBe(20)
  })
})
