// What becomes of sockets while their channel reconnects, begins anew, or ends; and beside what else they live.

import { contract, nothing } from "everwire/contract"
import { msgpack } from "everwire/msgpack"
import { createWebSocketClass } from "everwire/socket"
import { createWebSocketServer } from "everwire/socket-server"
import { createDuo } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { z } from "zod"
import { createSocketDuo, logOf } from "./sockets.ts"

describe("while the channel reconnects", () => {
  it("a socket stays open, and what is sent meanwhile arrives in order", async () => {
    const { open, network, runtime } = await createSocketDuo()
    const { client, socket, log } = await open()
    const up: string[] = []
    socket.on("message", (data) => up.push(String(data)))
    network.cut()
    for (let n = 0; n < 3; n++) {
      client.send(`up ${n}`)
      socket.send(`down ${n}`)
    }
    await runtime.pass(60_000)
    expect(up).toEqual(["up 0", "up 1", "up 2"])
    expect(log).toEqual(["open", "message down 0", "message down 1", "message down 2"])
  })

  it.each(["websocket", "sse", "long-poll", "short-poll"])(
    "many sockets over %s keep their messages apart and in order",
    async (transport) => {
      const duo = await createSocketDuo({}, { transports: [transport] })
      const { WebSocket, server, network, runtime } = duo
      server.on("connection", (socket, { url }) => {
        socket.on("message", (data, isBinary) => socket.send(isBinary ? (data as Buffer) : `${url} ${data}`))
      })
      const got = Array.from({ length: 50 }, (_, id) => {
        const client = new WebSocket(`ws://host/${id}`)
        client.binaryType = "arraybuffer"
        const heard: string[] = []
        client.onopen = () => {
          for (let n = 0; n < 4; n++) client.send(n % 2 === 0 ? `${n}` : Uint8Array.of(n))
        }
        client.onmessage = ({ data }) =>
          heard.push(typeof data === "string" ? data : `bytes ${new Uint8Array(data)[0]}`)
        return heard
      })
      await runtime.pass(300)
      network.cut()
      await runtime.pass(60_000)
      expect(got).toEqual(got.map((_, id) => [`/${id} 0`, "bytes 1", `/${id} 2`, "bytes 3"]))
    },
  )
})

describe("when a session ends", () => {
  it("by a reset, every socket of the client closes with 1006, one that is connecting with an error", async () => {
    const duo = await createSocketDuo()
    const { open, WebSocket, runtime } = duo
    const { client, log } = await open()
    const second = await open("ws://host/2")
    duo.crashHub()
    const connecting = logOf(new WebSocket("ws://host/3"))
    await runtime.pass(10)
    createWebSocketServer(duo.startHub())
    await runtime.pass(60_000)
    expect([log, second.log]).toEqual([
      ["open", "close 1006 unclean"],
      ["open", "close 1006 unclean"],
    ])
    expect(connecting).toEqual(["error", "close 1006 unclean"])
    expect(client.readyState).toBe(3)
    const again = logOf(new WebSocket("ws://host/again"))
    await runtime.pass(1_000)
    expect(again).toEqual(["open"])
  })

  it("by a reset, a library that connects again at once gets a socket of the next session", async () => {
    const duo = await createSocketDuo()
    const { WebSocket, runtime } = duo
    const events: string[] = []
    const connect = (): void => {
      const client = new WebSocket("ws://host/")
      client.onopen = () => events.push("open")
      client.onclose = () => {
        events.push("close")
        if (events.length < 10) connect()
      }
    }
    connect()
    await runtime.pass(1_000)
    duo.crashHub()
    createWebSocketServer(duo.startHub())
    await runtime.pass(60_000)
    expect(events).toEqual(["open", "close", "open"])
  })

  it("because the channel closes, both ends close with 1006", async () => {
    const { open, channel, server, runtime } = await createSocketDuo()
    const { log, socket } = await open()
    const codes: number[] = []
    socket.on("close", (code) => codes.push(code))
    void channel.close()
    await runtime.pass(10_000)
    expect([log, codes, server.clients.size]).toEqual([["open", "close 1006 unclean"], [1006], 0])
  })

  it("because the hub closes the peer, both ends close with 1006", async () => {
    const { open, peer, server, runtime } = await createSocketDuo()
    const { log, socket } = await open()
    const codes: number[] = []
    socket.on("close", (code) => codes.push(code))
    peer.close()
    socket.send("to nobody")
    socket.terminate()
    await runtime.pass(10_000)
    expect([log, codes, server.clients.size]).toEqual([["open", "close 1006 unclean"], [1006], 0])
  })

  it("a socket over a channel that is closed fails", async () => {
    const { channel, WebSocket, runtime } = await createSocketDuo()
    void channel.close()
    await runtime.pass(10_000)
    const log = logOf(new WebSocket("ws://host/"))
    await runtime.pass(1)
    expect(log).toEqual(["error", "close 1006 unclean"])
  })
})

describe("a class that opens channels by itself", () => {
  it("has one for each origin while it has sockets, and closes it with the last", async () => {
    const { channel, hub, runtime } = await createSocketDuo()
    const opened: string[] = []
    const WebSocket = createWebSocketClass((origin) => {
      opened.push(origin)
      return channel
    })
    const [first, second] = [new WebSocket("ws://host/1"), new WebSocket("http://host/2")]
    await runtime.pass(1_000)
    expect(opened).toEqual(["ws://host"])
    first.close()
    await runtime.pass(1_000)
    expect(channel.status).toBe("open")
    second.close()
    await runtime.pass(10_000)
    expect([channel.status, hub.peers.size]).toEqual(["closed", 0])
    new WebSocket("ws://host/3")
    expect(opened).toEqual(["ws://host", "ws://host"])
  })
})

describe("beside other messages", () => {
  it("sockets cross a contract that checks everything else", async () => {
    const chat = contract({
      up: { say: z.string(), typing: nothing },
      down: { said: z.string() },
    })
    const duo = await createDuo({ hub: { contract: chat }, channel: { contract: chat } })
    const { hub, channel, peer, runtime } = duo
    const refused: string[] = []
    hub.onRefused(({ code }) => refused.push(code))
    const server = createWebSocketServer(hub)
    server.on("connection", (socket) => {
      socket.on("message", (data) => socket.send(`socket ${data}`))
      socket.ping()
    })
    hub.on("say", (text) => peer.send("said", `message ${text}`))
    const heard: string[] = []
    channel.on("said", (text) => heard.push(text))
    const client = new (createWebSocketClass(channel))("ws://host/")
    client.onmessage = ({ data }) => heard.push(data)
    client.onopen = () => {
      channel.send("say", "1")
      client.send("2")
      channel.send("say", "3")
    }
    await runtime.pass(1_000)
    client.close()
    await runtime.pass(1_000)
    expect(heard).toEqual(["message 1", "socket 2", "message 3"])
    expect([client.readyState, server.clients.size, refused, duo.errors]).toEqual([3, 0, [], []])
  })

  it("a contract may have no name of everwire's own", () => {
    expect(() => contract({ up: { "everwire:socket": nothing } })).toThrow("everwire's own")
    expect(() => contract({ requests: { "everwire:mine": {} } })).toThrow("everwire's own")
  })

  it("sockets cross a session with msgpack", async () => {
    const { open, settle } = await createSocketDuo({}, { hub: { codecs: [msgpack()] }, channel: { codec: msgpack() } })
    const { client, socket, log } = await open("ws://host/", ["a"])
    const got: unknown[] = []
    socket.on("message", (...given) => got.push(given))
    socket.on("pong", (data) => got.push(data))
    client.send("text")
    client.send(Uint8Array.of(1, 2))
    socket.send("text")
    socket.send(Buffer.of(3))
    socket.ping("p")
    await settle()
    client.close(3001, "why")
    await settle()
    expect(got).toEqual([[Buffer.from("text"), false], [Buffer.of(1, 2), true], Buffer.from("p")])
    expect(log).toEqual(["open", "message text", "message Blob", "close 3001 why clean"])
  })

  it("permit judges the names of sockets", async () => {
    const { WebSocket, settle, server } = await createSocketDuo(
      {},
      { hub: { permit: ({ name }) => !name.startsWith("everwire:socket") } },
    )
    const log = logOf(new WebSocket("ws://host/"))
    await settle()
    expect([log, server.clients.size]).toEqual([["error", "close 1006 unclean"], 0])
  })
})
