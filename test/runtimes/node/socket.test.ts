import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { HeardSocket } from "../../../src/runtimes/node/heard-socket.ts"
import { NodeSocket, SocketWriter } from "../../../src/runtimes/node/socket.ts"
import { Clockwork, type Flushable } from "../../../src/session/clockwork.ts"
import { createRuntime, disposeAll, onDispose, startServer } from "../../support/hub-server.ts"

afterEach(disposeAll)

/** A clockwork whose tick ends when the test says so. */
class Ticks extends Clockwork {
  readonly #asked: Flushable[] = []

  override flushSoon(flushable: Flushable): void {
    this.#asked.push(flushable)
  }

  end(): void {
    for (const flushable of this.#asked) flushable.flushNow()
    this.#asked.length = 0
  }
}

/** Sockets of one writer, each with its client, and the order in which their streams are written to. */
async function start(count: number) {
  const { server, port } = await startServer()
  const sockets = new WebSocketServer({ server, WebSocket: HeardSocket })
  onDispose(() => sockets.close())
  const runtime = createRuntime()
  // The clock stands still, so that no socket has used up its time, however busy the machine is.
  const ticks = new Ticks({ ...runtime, now: () => 0 })
  const writer = new SocketWriter(ticks)
  const written: string[] = []
  const seats = []
  for (let n = 0; n < count; n++) {
    const client = new WebSocket(`ws://127.0.0.1:${port}`)
    // The type of this event of ws.
    const [opened, { socket: stream }] = (await once(sockets, "connection")) as [HeardSocket, IncomingMessage]
    await once(client, "open")
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean // Works for each overload of write().
    stream.write = (...args: unknown[]) => {
      written.push(`socket ${n}`)
      return write(...args)
    }
    seats.push({ socket: new NodeSocket(opened, stream, writer), client, opened, stream })
  }
  return { seats, ticks, written, reported: runtime.reported }
}

describe("a socket that brings more than a hello before its welcome", () => {
  it("is refused once, and of what comes behind the first 64 KiB nothing is held or read", async () => {
    const { seats } = await start(1)
    const [seat] = seats
    if (seat === undefined) throw new Error("no socket was opened")
    const { socket, stream } = seat
    let overflows = 0
    const ignore = (): void => {}
    socket.hear({ message: ignore, closed: ignore, drained: ignore, overflowed: () => void overflows++ })
    // The header of a masked text message of 1 MB (RFC 6455, section 5.2).
    const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, 0, 0, 0, 0])
    stream.push(Buffer.concat([head, Buffer.alloc(20_000)]))
    expect([overflows, socket.incomingBytes]).toEqual([1, 20_014])
    for (let n = 0; n < 3; n++) expect(stream.push(Buffer.alloc(65_536))).toBe(false)
    expect(overflows).toBe(1)
    expect(socket.incomingBytes).toBeLessThan(70_000)
  })
})

describe("a client that goes on sending after the hub has closed its socket", () => {
  /** A masked ping without data (RFC 6455, sections 5.2 and 5.5.2), ten thousand times: 60,000 bytes. */
  const pings = Buffer.from("898000000000".repeat(10_000), "hex")

  it("is read for 1 MiB, in which its own closing frame ends the connection", async () => {
    const { seats } = await start(1)
    const [seat] = seats
    if (seat === undefined) throw new Error("no socket was opened")
    const { socket, opened, stream } = seat
    socket.send("w{}") // a welcome: until then less is read
    socket.close(4_000, "over")
    let count = 0
    opened.on("ping", () => void count++)
    for (let n = 0; n < 17; n++) stream.push(pings)
    expect(count).toBe(170_000)
    await once(opened, "close")
    expect(stream.destroyed).toBe(true)
  })

  it("is not read any further once 1 MiB has come", async () => {
    const { seats } = await start(1)
    const [seat] = seats
    if (seat === undefined) throw new Error("no socket was opened")
    const { socket, opened, stream } = seat
    socket.send("w{}") // a welcome: until then less is read
    socket.close(4_000, "over")
    let count = 0
    opened.on("ping", () => void count++)
    for (let n = 0; n < 17; n++) stream.push(pings)
    expect(stream.push(pings)).toBe(false)
    for (let n = 0; n < 100; n++) expect(stream.push(pings)).toBe(false)
    expect(count).toBeLessThan(180_000)
  })
})

describe("sockets with text to send", () => {
  it("are written to when the tick ends, one after another in groups", async () => {
    const { seats, ticks, written } = await start(34)
    // As sessions do: each socket sends in its callback at the end of the tick.
    for (const [n, { socket }] of seats.entries()) {
      ticks.flushSoon({
        flushNow() {
          written.push(`session ${n}`)
          socket.send("a")
        },
      })
    }
    ticks.end()
    const rows = (what: string, from: number, to: number): string[] =>
      Array.from({ length: to - from }, (_, n) => `${what} ${from + n}`)
    const expected = [rows("session", 0, 32), rows("socket", 0, 32), rows("session", 32, 34), rows("socket", 32, 34)]
    expect(written).toEqual(expected.flat())
  })

  it("are not affected by one that cannot be written to", async () => {
    const { seats, ticks, reported } = await start(2)
    const broken = new Error("broken")
    const [one, other] = seats as [(typeof seats)[number], (typeof seats)[number]]
    one.stream.write = () => {
      throw broken
    }
    const heard = once(other.client, "message")
    for (const { socket } of seats) socket.send("a")
    ticks.end()
    expect(String((await heard)[0])).toBe("a")
    expect(reported).toEqual([broken])
  })

  it("send nothing after the closing frame that answers the client's", async () => {
    const { seats, ticks, written } = await start(1)
    const { socket, client, opened } = seats[0] as (typeof seats)[number]
    socket.send("late")
    client.close()
    await once(opened, "close")
    const before = written.length
    ticks.end()
    expect(written.length).toBe(before)
  })

  it("count the text as buffered until then", async () => {
    const { seats, ticks } = await start(1)
    const { socket } = seats[0] as (typeof seats)[number]
    socket.send("four")
    expect(socket.bufferedAmount).toBe(6)
    ticks.end()
    expect(socket.bufferedAmount).toBe(0)
  })

  it("keep the text in order with bytes, with more text, and with their end", async () => {
    const { seats } = await start(1)
    const { socket, client } = seats[0] as (typeof seats)[number]
    const heard: string[] = []
    client.on("message", (data, isBinary) => heard.push(`${isBinary ? "bytes" : "text"} ${data}`))
    socket.send("1")
    socket.send(Buffer.from("2"))
    socket.send("3")
    socket.send("4")
    socket.close(1000, "")
    await once(client, "close")
    expect(heard).toEqual(["text 1", "bytes 2", "text 3", "text 4"])
  })
})
