import { type Channel, createChannel } from "everwire"
import { createChannel as createCoreChannel } from "everwire/core"
import { createHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { connect, createRuntime, disposeAll, nextOf, startDuo, startHub } from "../support/hub-server.ts"

afterEach(disposeAll)

/** Resolves with the next message of this name that the channel hears. */
function next(channel: Channel, name: string): Promise<unknown> {
  return nextOf((listener) => channel.on(name, listener))
}

describe("messages by name", () => {
  it("reach the handlers of their name on the hub, with the peer that sent them", async () => {
    const { hub, channel, peer } = await startDuo()
    const heard = new Promise((resolve) => hub.on("chat", (data, from) => resolve([data, from])))
    hub.on("other", () => expect.unreachable())
    channel.send("chat", { text: "hi" })
    expect(await heard).toEqual([{ text: "hi" }, peer])
  })

  it("reach every handler of their name, once each, in the order they were set", async () => {
    const { hub, channel, peer } = await startDuo()
    const heard: string[] = []
    const done = new Promise<void>((resolve) => {
      peer.on("chat", () => heard.push("the peer's own"))
      hub.on("chat", () => heard.push("first of the hub"))
      hub.on("chat", () => {
        heard.push("second of the hub")
        resolve()
      })
    })
    channel.send("chat")
    await done
    expect(heard).toEqual(["the peer's own", "first of the hub", "second of the hub"])
  })

  it("stop at an unsubscribe, which may be called twice", async () => {
    const { channel, peer } = await startDuo()
    const heard: unknown[] = []
    const off = channel.on("chat", (data) => heard.push(data))
    const end = next(channel, "end")
    peer.send("chat", 1)
    await channel.flush()
    const first = next(channel, "first")
    peer.send("first")
    await first
    off()
    off()
    peer.send("chat", 2)
    peer.send("end")
    await end
    expect(heard).toEqual([1])
  })

  it("may be subscribed to and unsubscribed from inside a handler", async () => {
    const { channel, peer } = await startDuo()
    const heard: string[] = []
    const off = channel.on("chat", (data) => {
      off()
      heard.push(`one: ${data}`)
      channel.on("chat", (later) => heard.push(`two: ${later}`))
    })
    const end = next(channel, "end")
    peer.send("chat", 1)
    peer.send("chat", 2)
    peer.send("end")
    await end
    expect(heard).toEqual(["one: 1", "two: 2"])
  })

  it.each([
    "constructor",
    "__proto__",
    "toString",
    "error",
    "close",
    "open",
    "status",
    "message",
    "a name with ünïcode 🚢",
  ])("may be called %j: no name is reserved", async (name) => {
    const { hub, channel } = await startDuo()
    hub.on(name, (data, peer) => peer.send(name, data))
    const heard = next(channel, name)
    channel.send(name, { name })
    expect(await heard).toEqual({ name })
  })

  it("without a handler are dropped, also when every object has a property of that name", async () => {
    const { hub, channel } = await startDuo()
    hub.handle("echo", (data) => data)
    for (const name of ["constructor", "__proto__", "hasOwnProperty", "nobody"]) channel.send(name, 1)
    expect(await channel.request("echo", "still here")).toBe("still here")
  })

  it("sent before the channel is open arrive in order, before any later message", async () => {
    const { hub, url } = await startHub()
    const heard: unknown[] = []
    const done = new Promise<void>((resolve) => {
      hub.on("n", (data) => {
        heard.push(data)
        if (data === 3) resolve()
      })
    })
    const channel = createChannel(url)
    channel.send("n", 1)
    channel.send("n", 2)
    await channel.opened
    channel.send("n", 3)
    await done
    await channel.close()
    expect(heard).toEqual([1, 2, 3])
  })

  it("sent in onPeer are the first that the channel hears", async () => {
    const { hub, url } = await startHub()
    hub.onPeer((peer) => peer.send("greeting", peer.id))
    const channel = createChannel(url)
    const greeting = next(channel, "greeting")
    expect(await greeting).toBe(channel.peerId)
    await channel.close()
  })
})

describe("a handler that throws", () => {
  it("on the hub is reported to onError with its peer; the other handlers and the link are not affected", async () => {
    const { hub, channel, peer } = await startDuo()
    const failure = new Error("of the application")
    const failed = new Promise((resolve) => hub.onError((error, context) => resolve([error, context])))
    hub.on("chat", () => {
      throw failure
    })
    hub.on("chat", (data, from) => from.send("chat", data))
    const heard = next(channel, "chat")
    channel.send("chat", "hi")
    expect(await failed).toEqual([failure, { stage: "message", peer }])
    expect(await heard).toBe("hi")
    expect(channel.explain().incidents.filter(({ what }) => what === "closed")).toEqual([])
  })

  it("on the channel is reported to onError; the other handlers and the link are not affected", async () => {
    const { channel, peer } = await startDuo()
    const failure = new Error("of the application")
    const failed = new Promise((resolve) => channel.onError((error, stage) => resolve([error, stage])))
    channel.on("chat", () => {
      throw failure
    })
    const heard = next(channel, "chat")
    peer.send("chat", "hi")
    expect(await failed).toEqual([failure, "message"])
    expect(await heard).toBe("hi")
    expect(channel.status).toBe("open")
  })

  it("is reported to the runtime when no onError listener is set", async () => {
    const runtime = createRuntime()
    const { hub, channel } = await startDuo({ runtime })
    hub.handle("echo", (data) => data)
    const failure = new Error("of the application")
    hub.on("chat", () => {
      throw failure
    })
    channel.send("chat")
    await channel.request("echo")
    expect(runtime.reported).toEqual([failure])
  })

  it.each(["onPeer", "onStatus", "onClose"] as const)(
    "as a listener of %s is reported to onError too",
    async (listener) => {
      const failure = new Error("of a listener")
      const { hub, url } = await startHub()
      const channel = createChannel(url, { transports: ["websocket"] })
      const failed = new Promise((resolve) => {
        hub.onError((error, { stage }) => resolve([error, stage]))
        channel.onError((error, stage) => resolve([error, stage]))
      })
      const fail = (): never => {
        throw failure
      }
      if (listener === "onPeer") hub.onPeer(fail)
      if (listener === "onStatus") channel.onStatus(fail)
      if (listener === "onClose") hub.onPeer((peer) => peer.onClose(fail))
      await channel.opened
      await channel.close()
      expect(await failed).toEqual([failure, "listener"])
    },
  )
})

describe("misuse throws at the call", () => {
  const misuse = expect.objectContaining({ name: "EverwireError", code: "misuse" })

  it.each([["not a url"], ["ftp://host/everwire"], [""]])("a channel to %j", (url) => {
    expect(() => createChannel(url)).toThrow(misuse)
  })

  it("a channel with no transports, with one twice, or with an unknown one", () => {
    const url = "http://127.0.0.1:9/everwire"
    expect(() => createChannel(url, { transports: [] })).toThrow(misuse)
    expect(() => createChannel(url, { transports: ["sse", "sse"] })).toThrow(misuse)
    expect(() => createChannel(url, { transports: ["carrier-pigeon" as "sse"] })).toThrow(misuse)
    expect(() => createChannel(url, { transports: ["constructor" as "sse"] })).toThrow(misuse)
    expect(() => createCoreChannel(url, { transports: [] })).toThrow(misuse)
  })

  it("a hub with an invalid path, or with invalid transports", () => {
    expect(() => createHub({ path: "everwire" })).toThrow(misuse)
    expect(() => createHub({ path: "/everwire/" })).toThrow(misuse)
    expect(() => createHub({ transports: [] })).toThrow(misuse)
    expect(() => createHub({ transports: ["sse", "sse"] })).toThrow(misuse)
    expect(() => createHub({ transports: ["toString" as "sse"] })).toThrow(misuse)
  })

  it("a hub that would allow cookies from every origin", () => {
    expect(() => createHub({ origins: "*", allowCookiesWithoutOrigin: true })).toThrow(misuse)
  })

  it.each([[""], ["a\tb"], ["a\nb"], ["a\u0000b"], ["lone \ud800 surrogate"], ["x".repeat(129)], [5], [undefined]])(
    "a message or a request called %j",
    async (name) => {
      const { hub, channel, peer } = await startDuo()
      const bad = name as string // Values that untyped JavaScript can pass.
      for (const call of [
        () => channel.send(bad),
        () => peer.send(bad),
        () => hub.send(bad),
        () => hub.to("room").send(bad),
        () => channel.on(bad, () => {}),
        () => hub.on(bad, () => {}),
        () => hub.handle(bad, () => {}),
      ]) {
        expect(call).toThrow(misuse)
      }
      await expect(channel.request(bad)).rejects.toThrow(misuse)
      await expect(peer.request(bad)).rejects.toThrow(misuse)
    },
  )

  it("a second handler of one request", async () => {
    const { hub, channel } = await startDuo()
    hub.handle("page", () => 1)
    expect(() => hub.handle("page", () => 2)).toThrow(misuse)
    channel.handle("page", () => 1)
    expect(() => channel.handle("page", () => 2)).toThrow(misuse)
  })

  it("sending on a closed channel", async () => {
    const { url } = await startHub()
    const channel = await connect(url)
    await channel.close()
    const closed = expect.objectContaining({ code: "closed" })
    expect(() => channel.send("chat")).toThrow(closed)
    await expect(channel.request("page")).rejects.toThrow(closed)
  })
})
