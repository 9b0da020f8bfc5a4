// Clients that do not read what they are sent. Progress counts: a slow reader is not cut off.

import { once } from "node:events"
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo, Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { connect as connectTls } from "node:tls"
import { type Acceptor, createHub, type NodeHub } from "everwire/node"
import { createHub as createWebHub, type Refusal, type SocketSink, websocketAcceptor } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { afterEach, describe, expect, it } from "vitest"
import { SELF_SIGNED } from "../support/certificate.ts"
import { disposeAll, onDispose, startServer } from "../support/hub-server.ts"
import { bodyOf, hello, openTcp } from "./attack.ts"
import { type Clock, createClock } from "./clock.ts"

afterEach(disposeAll)

/** More bytes than the system buffers for a client that does not read. */
const MUCH = "x".repeat(24 * 1_048_576)

/** More bytes than an HTTP/2 client allows before it has read. */
const WINDOW = "x".repeat(1_048_576)

/**
 * A hub with a transport that sends 24 MiB on each link, on a clock that the test advances. `told` has how each link
 * ended.
 */
function startGenerous(): { hub: NodeHub; clock: Clock; told: string[] } {
  const clock = createClock()
  const told: string[] = []
  const acceptor: Acceptor = {
    name: "much",
    open: () => ({
      exchange(exchange) {
        exchange.onLeaving?.({ lost: ({ code }) => told.push(code) })
        const text = exchange.query("little") === undefined ? MUCH : WINDOW
        if (exchange.query("stream") === undefined) return exchange.respond(200, {}, text)
        const stream = exchange.stream(200, {})
        stream.write(text)
        stream.end()
      },
      socket(socket) {
        socket.hear({
          message() {},
          drained() {},
          closed: (code, reason) => told.push(`${code} ${reason.split(":")[0]}`),
        })
        socket.send(MUCH)
      },
    }),
  }
  const hub = createHub({ runtime: clock.runtime, transports: [acceptor] })
  onDispose(() => hub.close())
  return { hub, clock, told }
}

const get = (path: string): string => `GET /everwire/${path} HTTP/1.1\r\nHost: x\r\n\r\n`
const PREFLIGHT = "OPTIONS /everwire/much HTTP/1.1\r\nHost: x\r\n\r\n"
const upgrade = (...headers: string[]): string =>
  `GET /everwire/much HTTP/1.1\r\n${["Host: x", "Upgrade: websocket", "Connection: Upgrade", ...headers].join("\r\n")}\r\n` +
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"

const asks: Readonly<Record<string, { text: string; why: string }>> = {
  "an answer": { text: get("much"), why: "timeout" },
  "an answer behind another one": { text: PREFLIGHT + get("much"), why: "timeout" },
  "a stream": { text: get("much?stream=1"), why: "timeout" },
  "a stream behind another answer": { text: PREFLIGHT + get("much?stream=1"), why: "timeout" },
  "a WebSocket": { text: upgrade(), why: "4000 timeout" },
}

/** The bytes that the sockets hold because the system has not taken them. */
const heldBy = (sockets: Iterable<Socket>): number => {
  let bytes = 0
  for (const { writableLength } of sockets) bytes += writableLength
  return bytes
}

/** The bytes in Node's write queue that the system has not taken, where Node exposes the figure. */
const queueOf = (sockets: Iterable<Socket>): number => {
  const [socket] = sockets
  return (socket as unknown as { _handle: { writeQueueSize: number } | null })._handle?.writeQueueSize ?? 0
}

/** Sends this request. The socket is paused: only `read()` reads, one buffer at a time. */
async function openReader(port: number, text: string): Promise<{ socket: Socket; read(): void }> {
  const { socket } = await openTcp(port)
  socket.removeAllListeners("data")
  socket.pause()
  socket.write(text)
  return { socket, read: () => void socket.read() }
}

describe.each(Object.entries(asks))("%s whose client does not read", (_, { text, why }) => {
  it("is cut off within 60 s, and its link is told", async () => {
    const { hub, clock, told } = startGenerous()
    const { server, port, sockets } = await startServer()
    hub.attach(server)
    await openReader(port, text)
    while (heldBy(sockets) === 0) await turn()
    await turn()
    clock.advance(44_000)
    await turn()
    expect(told).toEqual([])
    expect(heldBy(sockets)).toBeGreaterThan(1_000_000)
    clock.advance(16_000)
    while (sockets.size > 0) await turn()
    expect(told).toEqual([why])
    expect(clock.pending()).toBe(0)
  })

  it("is not cut off while the client reads, however slowly", async () => {
    const { hub, clock, told } = startGenerous()
    const { server, port, sockets } = await startServer()
    hub.attach(server)
    const { read } = await openReader(port, text)
    while (heldBy(sockets) === 0) await turn()
    await turn()
    for (let left = queueOf(sockets), looks = 0; looks < 3; looks++) {
      // The system takes more only when a good part of its buffer is free again.
      while (queueOf(sockets) > left - 1_024) {
        read()
        await turn()
      }
      left = queueOf(sockets)
      clock.advance(44_000)
      await turn()
    }
    expect(told).toEqual([])
    expect(heldBy(sockets)).toBeGreaterThan(0)
  })
})

describe("a client with TLS that does not read", () => {
  it("is cut off in the same time", async () => {
    const { hub, clock, told } = startGenerous()
    const { server, port, sockets } = await startServer(createTlsServer(SELF_SIGNED))
    hub.attach(server)
    let secured: Socket | undefined
    server.on("secureConnection", (socket: Socket) => {
      secured = socket
    })
    const client = connectTls({ port, rejectUnauthorized: false })
    onDispose(() => client.destroy())
    await once(client, "secureConnect")
    client.write(get("much"))
    while ((secured?.writableLength ?? 0) === 0) await turn()
    clock.advance(44_000)
    await turn()
    expect(told).toEqual([])
    clock.advance(16_000)
    while (sockets.size > 0) await turn()
    expect(told).toEqual(["timeout"])
  })
})

describe("a client of HTTP/2 that does not read", () => {
  it.each(["much?little=1", "much?little=1&stream=1"])(
    "has its stream to %s ended, while its other streams continue",
    async (path) => {
      const { hub, clock, told } = startGenerous()
      const server = createHttp2Server()
      hub.attach(server)
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      // The server listens on a TCP port, so its address is not a pipe.
      const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
      onDispose(() => {
        session.destroy()
        server.close()
      })
      const paused = session.request({ ":path": `/everwire/${path}` })
      paused.pause()
      await once(paused, "response")
      const ended = new Promise((resolve) => paused.on("error", () => {}).once("close", resolve))
      await turn()
      clock.advance(44_000)
      await turn()
      expect(told).toEqual([])
      clock.advance(16_000)
      expect(told).toEqual(["timeout"])
      paused.resume()
      await ended
      const other = session.request({ ":path": "/everwire/pigeon" })
      const [head] = (await once(other, "response")) as [{ ":status": number }] // The type of this event of node:http2.
      expect(head[":status"]).toBe(404)
    },
  )
})

describe("a stream of hub.fetch", () => {
  async function openStream() {
    const runtime = createVirtualRuntime()
    const hub = createWebHub({ runtime })
    const refused: Refusal[] = []
    hub.onRefused((refusal) => refused.push(refusal))
    const url = "http://hub.example/everwire/sse"
    const greeted = hub.fetch(new Request(url, { method: "POST", body: bodyOf({ up: 1 }, hello()) }))
    await runtime.pass(1)
    // The fields in the answer to a hello.
    const answer = JSON.parse((await (await greeted).text()).slice(1)) as { ticket: string; link: string }
    const { ticket, link } = answer
    let up = 1
    const speak = (): Promise<Response> =>
      hub.fetch(new Request(url, { method: "POST", body: bodyOf({ link, up: ++up }, "a0") }))
    const [peer] = [...hub.peers.values()]
    for (let n = 0; n < 10; n++) peer?.send("n", `${n} ${"x".repeat(1_400)}`)
    const { body } = await hub.fetch(new Request(`${url}?ticket=${ticket}`))
    const reader = body?.getReader()
    await runtime.pass(1)
    return { runtime, hub, peer, refused, reader, speak }
  }

  it("that is not pulled is cancelled within 60 s, and its session is told", async () => {
    const { runtime, hub, peer, refused, reader, speak } = await openStream()
    for (const ms of [20_000, 24_000, 16_000]) {
      expect([peer?.connected, refused]).toEqual([true, []])
      // The channel sends meanwhile: otherwise the heartbeat timeout would end the link.
      await Promise.all([speak(), runtime.pass(ms)])
    }
    expect(refused).toEqual([expect.objectContaining({ code: "timeout", stage: "session", transport: "sse" })])
    await expect(reader?.read()).rejects.toMatchObject({ code: "timeout" })
    expect(peer?.connected).toBe(false)
    await hub.close()
  })

  it("that is pulled slowly is not cancelled, and brings everything", async () => {
    const { runtime, hub, peer, refused, reader, speak } = await openStream()
    let text = ""
    while (!text.includes("9 x")) {
      await Promise.all([speak(), runtime.pass(15_000)])
      const { value } = (await reader?.read()) ?? {}
      expect(value?.length).toBeLessThanOrEqual(16_384)
      text += new TextDecoder().decode(value)
    }
    expect([peer?.connected, refused]).toEqual([true, []])
    await hub.close()
  })
})

describe("a session whose WebSocket ends with timeout", () => {
  it.each([
    ["is told of to the hub's owner where the client did not read", "too little of what was sent was taken in time", 1],
    ["is not where the channel gave up its dial", "the link was not welcomed in time", 0],
  ])("%s", async (_, reason, count) => {
    const runtime = createVirtualRuntime()
    const hub = createWebHub({ runtime, transports: [websocketAcceptor()] })
    const refused: Refusal[] = []
    hub.onRefused((refusal) => refused.push(refusal))
    const header = (): undefined => undefined
    const verdict = hub.upgrade("/everwire/websocket", { header })
    if (verdict === undefined || "refusal" in verdict) throw new Error("not let in")
    let sink: SocketSink | undefined
    const socket = {
      bufferedAmount: 0,
      send() {},
      close() {},
      terminate() {},
      hear: (given: SocketSink) => {
        sink = given
      },
    }
    verdict.take(socket, { transport: "websocket", address: undefined, header })
    sink?.message(hello())
    const [peer] = [...hub.peers.values()]
    expect(peer?.connected).toBe(true)
    sink?.closed(4000, `timeout: ${reason}`)
    expect(peer?.connected).toBe(false)
    expect(refused.map(({ code, stage }) => [code, stage])).toEqual(new Array(count).fill(["timeout", "session"]))
    await hub.close()
  })
})
