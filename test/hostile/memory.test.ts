import { afterEach, describe, expect, it } from "vitest"
import { disposeAll, transports } from "../support/hub-server.ts"
import { type Arena, startArena } from "./arena.ts"
import { ask, bodyOf, envelopeOf, hello, openTcp } from "./attack.ts"

afterEach(disposeAll)

const overHttp = transports.slice(1)

/** A POST whose head declares a body of this length, with only the beginning of the body. */
function post(transport: string, beginning: string, bytes: number): string {
  return `POST /everwire/${transport} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n${beginning}`
}

/** The beginning of a masked text message whose header declares this length. The mask is zero. */
function frame(beginning: string, bytes = beginning.length): Buffer {
  const head = Buffer.alloc(14)
  head.writeUInt16BE(0x81ff)
  head.writeBigUInt64BE(BigInt(bytes), 2)
  return Buffer.concat([head, Buffer.from(beginning)])
}

async function openWebSocket(port: number) {
  const opened = await openTcp(port)
  const head = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
  const handshake = new Promise((resolve) => opened.socket.once("data", resolve))
  opened.socket.write(
    `GET /everwire/websocket HTTP/1.1\r\nHost: x\r\n${head}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  )
  await handshake
  return opened
}

/** Opens a link over HTTP and returns its secret id. */
async function openLink(arena: Arena, transport: string): Promise<string> {
  const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })
  return String(envelopeOf(answer)["link"])
}

const LARGE = 1_000_000

describe("before the welcome the hub reads no more than a hello", () => {
  it.each(overHttp)("over %s: a larger body is answered 413 before it has arrived", async (transport) => {
    const arena = await startArena()
    const { socket, received, text } = await openTcp(arena.port)
    socket.write(post(transport, `@{"up":1}\nh${"x".repeat(20_000)}`, LARGE))
    while (text() === "") await arena.pass(1)
    await arena.pass(2_500)
    expect(await received).toMatch(/^HTTP\/1\.1 413 .*"too-large"/s)
    expect(arena.hub.stats().refused).toEqual({ "too-large": 1 })
    await arena.settled()
  })

  it.each(overHttp)("over %s: so is one for a link that does not exist, and the answer says so", async (transport) => {
    const arena = await startArena()
    const { socket, received, text } = await openTcp(arena.port)
    socket.write(post(transport, `@{"link":"made-up","up":2}\n${"x".repeat(20_000)}`, LARGE))
    while (text() === "") await arena.pass(1)
    await arena.pass(2_500)
    expect(await received).toMatch(/^HTTP\/1\.1 404 .*"link-unknown"/s)
    await arena.settled()
  })

  it("over a WebSocket: a larger message is answered with a bye before it has arrived", async () => {
    const arena = await startArena()
    const { socket, received, text } = await openWebSocket(arena.port)
    socket.write(frame(`h${"x".repeat(20_000)}`, LARGE))
    while (!text().includes("too-large")) await arena.pass(1)
    // Further bytes are not read.
    socket.write("x".repeat(900_000))
    await arena.pass(2_500)
    expect(await received).toContain('b{"code":"too-large"')
    await arena.settled()
  })

  it("over a WebSocket: so is a message of many small frames", async () => {
    const arena = await startArena()
    const { socket, text } = await openWebSocket(arena.port)
    const piece = (opcode: number): Buffer =>
      Buffer.concat([Buffer.from([opcode, 0xfe, 0x10, 0, 0, 0, 0, 0]), Buffer.alloc(4_096, "x")])
    socket.write(piece(0x01))
    for (let times = 0; times < 5; times++) socket.write(piece(0x00))
    while (!text().includes("too-large")) await arena.pass(1)
    await arena.pass(2_500)
    await arena.settled()
  })
})

describe("after the welcome", () => {
  it.each(overHttp)("a large body is heard over %s", async (transport) => {
    const arena = await startArena()
    let heard = 0
    arena.hub.on("text", (text) => {
      heard = String(text).length
    })
    const link = await openLink(arena, transport)
    const body = bodyOf({ link, up: 2 }, `n1\nmtext\t"${"x".repeat(LARGE)}"`)
    expect((await ask(`${arena.url}/${transport}`, { body })).status).toBe(200)
    expect(heard).toBe(LARGE)
    await arena.settled()
  })

  it("more than six large bodies of one link at once are refused, and their announced bytes are counted", async () => {
    const arena = await startArena()
    const link = await openLink(arena, "long-poll")
    const bodies = await Promise.all(Array.from({ length: 7 }, () => openTcp(arena.port)))
    for (const { socket } of bodies) {
      socket.write(post("long-poll", `@{"link":"${link}","up":2}\n${"x".repeat(20_000)}`, LARGE))
    }
    while (!bodies.some(({ text }) => text() !== "")) await arena.pass(1)
    await arena.pass(2_500)
    const answered = bodies.filter(({ text }) => text() !== "")
    expect(answered.map(({ text }) => text())).toEqual([expect.stringMatching(/^HTTP\/1\.1 503 .*"over-capacity"/s)])
    expect(arena.hub.stats().keptBytes).toBeGreaterThan(6 * LARGE)
    expect(arena.hub.stats().keptBytes).toBeLessThan(6.1 * LARGE)
    for (const { socket } of bodies) socket.destroy()
    while (arena.hub.stats().keptBytes > LARGE) await arena.pass(1)
    await arena.settled()
  })

  it("the bytes of an unfinished WebSocket message are counted, and end a peer that does not finish it", async () => {
    const arena = await startArena({ limits: { maxKeptBytes: 2_000_000 } })
    const peers = await Promise.all(Array.from({ length: 4 }, () => openWebSocket(arena.port)))
    for (const { socket } of peers) socket.write(frame(hello()))
    while (arena.hub.peers.size < 5) await arena.pass(1)
    for (const { socket } of peers) socket.write(frame(`n1\nmtext\t"${"x".repeat(700_000)}`, LARGE))
    while ((arena.hub.stats().ended["over-capacity"] ?? 0) < 2) await arena.pass(1)
    expect(arena.hub.stats().keptBytes).toBeLessThan(2_000_000)
    for (const { socket } of peers) socket.destroy()
    await arena.settled()
  })
})
