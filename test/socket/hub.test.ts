// The hub's sockets and their server keep the interface of the `ws` package.

import { createWebSocketClass } from "everwire/socket"
import { createWebSocketServer, type HubSocket, type SocketRequest } from "everwire/socket-server"
import { describe, expect, it } from "vitest"
import { createSocketDuo, logOf } from "./sockets.ts"

describe("a socket of the hub", () => {
  it("is open when connection gives it, and has the constants on itself and its class", async () => {
    const { open, server } = await createSocketDuo()
    const states: number[] = []
    server.on("connection", (socket) => states.push(socket.readyState))
    const { socket } = await open()
    expect(states).toEqual([1])
    for (const has of [socket, socket.constructor as unknown as HubSocket]) {
      expect([has.CONNECTING, has.OPEN, has.CLOSING, has.CLOSED]).toEqual([0, 1, 2, 3])
    }
  })

  it("may send from within connection: the client hears it after open", async () => {
    const { open, server } = await createSocketDuo()
    server.on("connection", (socket) => socket.send("welcome"))
    const { log } = await open()
    expect(log).toEqual(["open", "message welcome"])
  })

  it("gives texts as a Buffer, and bytes as binaryType says", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const got: [unknown, boolean][] = []
    socket.on("message", (...given) => got.push(given))
    client.send("text")
    client.send(Uint8Array.of(1))
    await settle()
    socket.binaryType = "arraybuffer"
    client.send("text")
    client.send(Uint8Array.of(2))
    await settle()
    socket.binaryType = "fragments"
    client.send(Uint8Array.of(3))
    await settle()
    expect(got).toEqual([
      [Buffer.from("text"), false],
      [Buffer.of(1), true],
      [Buffer.from("text"), false],
      [Uint8Array.of(2).buffer, true],
      [[Buffer.of(3)], true],
    ])
  })

  it("sends texts, bytes, lists of Buffers and numbers, and each as the other kind", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    client.binaryType = "arraybuffer"
    const got: string[] = []
    client.onmessage = ({ data }) => got.push(typeof data === "string" ? data : `bytes ${Buffer.from(data)}`)
    socket.send("text \ud800")
    socket.send(Buffer.from("buffer"))
    socket.send(new TextEncoder().encode("array").buffer)
    socket.send([Buffer.from("two "), Buffer.from("parts")])
    socket.send(7)
    socket.send(Buffer.from("as text"), { binary: false })
    socket.send("as bytes", { binary: true })
    expect(() => socket.send("part", { fin: false })).toThrow("as a whole")
    await settle()
    const sent = ["text \ufffd", "bytes buffer", "bytes array", "bytes two parts", "7", "as text", "bytes as bytes"]
    expect(got).toEqual(sent)
  })

  it("calls back when there is room for more, and with an error when it is not open", async () => {
    const { open, settle, network, runtime } = await createSocketDuo()
    const { socket } = await open()
    const called: unknown[] = []
    socket.send("small", () => called.push("small"))
    await settle()
    expect(called).toEqual(["small"])
    network.cut()
    socket.send("x".repeat(500_000), {}, () => called.push("large"))
    await Promise.resolve()
    expect(called).toEqual(["small"])
    await runtime.pass(60_000)
    expect(called).toEqual(["small", "large"])
    socket.close()
    socket.send("late", (error) => called.push(error?.message))
    await settle()
    expect(called).toEqual(["small", "large", "the socket is not open"])
  })

  it("counts what the client has not acknowledged", async () => {
    const { open, runtime } = await createSocketDuo()
    const { socket } = await open()
    await runtime.pass(10_000)
    socket.send("äb")
    socket.send(new Uint8Array(4))
    expect(socket.bufferedAmount).toBe(7)
    await runtime.pass(10_000)
    expect(socket.bufferedAmount).toBe(0)
  })

  it("gets a pong with the same data for each ping, and may send pongs of its own", async () => {
    const { open, settle } = await createSocketDuo()
    const { socket, log } = await open()
    const pongs: unknown[] = []
    socket.on("pong", (data) => pongs.push(data))
    socket.ping()
    socket.ping(Buffer.of(0, 255, 128))
    socket.ping("text", false, () => pongs.push("sent"))
    socket.pong("unasked")
    expect(() => socket.ping("x".repeat(126))).toThrow(RangeError)
    await settle()
    expect(pongs).toEqual(["sent", Buffer.of(), Buffer.of(0, 255, 128), Buffer.from("text")])
    expect(log).toEqual(["open"])
  })

  it.each<[args: Parameters<HubSocket["close"]>, code: number, reason: string]>([
    [[], 1005, ""],
    [[1000], 1000, ""],
    [[1001, "Going away"], 1001, "Going away"],
    [[4400, Buffer.from("bytes")], 4400, "bytes"],
  ])("closed with %j gives both ends code and reason", async (args, code, reason) => {
    const { open, settle, server } = await createSocketDuo()
    const { socket, log } = await open()
    const closes: unknown[] = []
    socket.on("close", (...given) => closes.push(given))
    socket.close(...args)
    expect([socket.readyState, server.clients.size]).toEqual([2, 1])
    await settle()
    expect(closes).toEqual([[code, Buffer.from(reason)]])
    expect(log).toEqual(["open", `close ${code} ${reason === "" ? "" : `${reason} `}clean`])
    expect([socket.readyState, server.clients.size]).toEqual([3, 0])
  })

  it.each([0, 999, 1004, 1005, 1006, 1015, 2999, 5000])("refuses to close with %d", async (code) => {
    const { open } = await createSocketDuo()
    const { socket } = await open()
    expect(() => socket.close(code)).toThrow(TypeError)
    expect(() => socket.close(1000, "x".repeat(124))).toThrow(RangeError)
    expect(socket.readyState).toBe(1)
  })

  it("that is terminated ends with 1006 at once, and so does the client's", async () => {
    const { open, settle } = await createSocketDuo()
    const { socket, log } = await open()
    const closes: number[] = []
    socket.on("close", (code) => closes.push(code))
    socket.terminate()
    expect(closes).toEqual([])
    await Promise.resolve()
    expect(closes).toEqual([1006])
    await settle()
    expect(log).toEqual(["open", "close 1006 unclean"])
  })

  it("closes with 1009 after a message that is larger than the peer takes", async () => {
    const { open, settle } = await createSocketDuo({}, { hub: { maxPayloadBytes: 1_000 } })
    const { socket, log } = await open()
    const errors: unknown[] = []
    socket.send("x".repeat(2_000), (error) => errors.push((error as unknown as { code: string }).code))
    await settle()
    expect(errors).toEqual(["payload-too-large"])
    expect(log).toEqual(["open", "close 1009 too large clean"])
  })

  it("has listeners of the DOM's kind beside its own", async () => {
    const { open, settle } = await createSocketDuo()
    const { client, socket } = await open()
    const heard: unknown[] = []
    const listener = ({ type, data, target }: { type: string; data: unknown; target: unknown }): void =>
      void heard.push([type, data, target === socket])
    socket.addEventListener("message", listener)
    socket.addEventListener("message", listener)
    socket.addEventListener("message", { handleEvent: ({ data }) => heard.push(["object", data]) }, { once: true })
    socket.onmessage = () => heard.push("replaced")
    socket.onmessage = () => heard.push("attribute")
    socket.onclose = ({ code, reason, wasClean }: { code: number; reason: string; wasClean: boolean }) =>
      void heard.push([code, reason, wasClean])
    client.send("text")
    await settle()
    expect(heard).toEqual([["message", "text", true], ["object", "text"], "attribute"])
    heard.length = 0
    socket.removeEventListener("message", listener)
    socket.onmessage = null
    client.send(Uint8Array.of(1))
    client.close(3000, "why")
    await settle()
    expect(heard).toEqual([[3000, "why", true]])
  })
})

describe("a server of sockets", () => {
  it("tells of each socket's request what is known", async () => {
    const { open, server, peer } = await createSocketDuo()
    const requests: SocketRequest[] = []
    server.on("connection", (_, request) => requests.push(request))
    await open("wss://user:secret@host:99/room/%C3%A4?token=1&x", ["a", "b"])
    expect(requests).toEqual([
      {
        method: "GET",
        url: "/room/%C3%A4?token=1&x",
        headers: { host: "host:99", "sec-websocket-protocol": "a, b" },
        socket: { remoteAddress: peer.address },
        peer,
      },
    ])
  })

  it("chooses the sub-protocol by handleProtocols, also where that is set later", async () => {
    const { open, server } = await createSocketDuo()
    server.options.handleProtocols = (protocols, { url }) => [...protocols].find((one) => url.endsWith(one)) ?? false
    const { client, socket } = await open("ws://host/b", ["a", "b"])
    expect([client.protocol, socket.protocol]).toEqual(["b", "b"])
  })

  it("gets the sockets of its path, and one without a path all others", async () => {
    const { hub, server: rest, WebSocket, settle } = await createSocketDuo()
    const one = createWebSocketServer(hub, { path: "/one" })
    const got: string[] = []
    one.on("connection", (_, { url }) => got.push(`one ${url}`))
    rest.on("connection", (_, { url }) => got.push(`rest ${url}`))
    for (const url of ["/one?a", "/one/", "/two"]) new WebSocket(`ws://host${url}`)
    await settle()
    expect(got).toEqual(["one /one?a", "rest /one/", "rest /two"])
    expect(() => createWebSocketServer(hub, { path: "/one" })).toThrow("already")
    expect(() => createWebSocketServer(hub, { path: "one" })).toThrow("slash")
    expect(() => createWebSocketServer(hub, { path: "/x", maxSocketsPerPeer: -1 })).toThrow("maxSocketsPerPeer")
  })

  it("that closes takes no more sockets, and is closed when the last is", async () => {
    const { open, server, settle, WebSocket, hub } = await createSocketDuo()
    const { socket } = await open()
    const heard: unknown[] = []
    server.on("close", () => heard.push("event"))
    server.close((error) => heard.push(error ?? "callback"))
    const log = logOf(new WebSocket("ws://host/late"))
    await settle()
    expect([log, heard]).toEqual([["error", "close 1006 unclean"], []])
    socket.close()
    await settle()
    expect(heard).toEqual(["event", "callback"])
    server.close((error) => heard.push(error?.message))
    await settle()
    expect(heard.at(-1)).toBe("the server is closed already")
    createWebSocketServer(hub) // the place is free
  })

  it("without sockets is closed soon, not at once", async () => {
    const { server } = await createSocketDuo()
    const heard: string[] = []
    server.close(() => heard.push("closed"))
    expect(heard).toEqual([])
    await Promise.resolve()
    expect(heard).toEqual(["closed"])
  })

  it("whose listener throws ends that socket and tells the hub's onError", async () => {
    const { server, hub, WebSocket, settle } = await createSocketDuo()
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    const mistake = new Error("the application's")
    server.on("connection", () => {
      throw mistake
    })
    const log = logOf(new WebSocket("ws://host/"))
    await settle()
    expect(errors).toEqual([mistake])
    expect(log).toEqual(["open", "close 1006 unclean"])
    expect(server.clients.size).toBe(0)
  })

  it("refuses more sockets of a peer than it allows", async () => {
    const { server, WebSocket, settle, channel } = await createSocketDuo({ maxSocketsPerPeer: 2 })
    const sockets = [1, 2, 3].map(() => new WebSocket("ws://host/"))
    await settle()
    expect(sockets.map(({ readyState }) => readyState)).toEqual([1, 1, 3])
    sockets[0]?.close()
    await settle()
    const another = new (createWebSocketClass(channel))("ws://host/")
    await settle()
    expect(another.readyState).toBe(1)
    expect(server.clients.size).toBe(2)
  })

  it("is not confused by what a hostile client sends", async () => {
    const { channel, server, open, settle, hub, errors } = await createSocketDuo()
    const failures: unknown[] = []
    hub.onError((error) => failures.push(error))
    const openings = [
      undefined,
      null,
      7,
      {},
      { id: 1.5, url: "/", host: "", protocols: [] },
      { id: 1, url: "no-slash", host: "", protocols: [] },
      { id: 1, url: "/", host: 7, protocols: [] },
      { id: 1, url: "/", host: "", protocols: "a" },
      { id: 1, url: "/", host: "", protocols: [1] },
      { id: 1, url: `/${"x".repeat(9_000)}`, host: "", protocols: [] },
      { id: 1, url: "/", host: "", protocols: new Array(5_000).fill("ab") },
    ]
    for (const data of openings) {
      const answer = channel.request("everwire:socket", data)
      await Promise.all([expect(answer).rejects.toThrow(), settle()])
    }
    expect(server.clients.size).toBe(0)
    const { socket } = await open()
    const events: string[] = []
    socket.on("message", () => events.push("message"))
    socket.on("pong", () => events.push("pong"))
    socket.on("close", (code) => events.push(`close ${code}`))
    const twice = channel.request("everwire:socket", { id: 1, url: "/", host: "", protocols: [] })
    await Promise.all([expect(twice).rejects.toThrow("number already"), settle()])
    for (const word of [null, 7, true, [], {}, { pong: 7 }, { open: "again" }, { ping: "x" }]) {
      channel.send("everwire:socket:1", word)
    }
    channel.send("everwire:socket:99", "nobody")
    channel.send("everwire:socket:1", { close: ["a", 7] })
    await settle()
    expect(events).toEqual(["close 1005"])
    expect([failures, errors]).toEqual([[], []])
  })
})
