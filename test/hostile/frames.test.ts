import { afterEach, describe, expect, it } from "vitest"
import { maxFragments } from "../../src/runtimes/node/socket-faults.ts"
import { maxBatchBytes } from "../../src/server/settings.ts"
import { MAX_PAYLOAD_BYTES } from "../../src/wire/defaults.ts"
import { disposeAll, nextOf } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { openTcp, openWelcomed } from "./attack.ts"

afterEach(disposeAll)

describe("after the welcome", () => {
  it("a payload larger than the welcome allows ends the session with too-large, and is not acknowledged", async () => {
    const arena = await startArena({ maxPayloadBytes: 10_000 })
    const ended = nextOf<unknown>((listener) => arena.hub.onPeer((peer) => peer.onClose(listener)))
    const { socket, closed } = await openWelcomed(arena.url)
    const acks: string[] = []
    socket.on("message", (data) =>
      acks.push(
        ...String(data)
          .split("\n")
          .filter((packet) => packet.startsWith("a")),
      ),
    )
    socket.send(`n1\nmchat\t1\nmchat\t"${"x".repeat(20_000)}"`)
    expect(await closed).toEqual({ status: 4001, code: "too-large", bye: "too-large" })
    expect(await ended).toMatchObject({ code: "too-large", retryable: false })
    expect(acks).toEqual(["a1"])
    await arena.settled()
  })

  it("a bye with a code and a reason of wide characters closes the socket: its reason takes 123 bytes", async () => {
    const arena = await startArena()
    const { socket, closed } = await openWelcomed(arena.url)
    socket.send(`b${JSON.stringify({ code: "é€😀".repeat(8), reason: "€".repeat(150) })}`)
    expect(await closed).toMatchObject({ status: 4000, code: "?".repeat(32) })
    await arena.settled()
  })

  it("names and data that collide with properties of objects do no harm", async () => {
    const arena = await startArena()
    const { socket, next } = await openWelcomed(arena.url)
    const answer = next()
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    const said = names.flatMap((name) => [`m${name}\t{"__proto__":{"polluted":1}}`, `q${name}\t${name}\t{}`])
    socket.send(["n1", ...said, "q9\techo\t1"].join("\n"))
    expect((await answer).split("\n").slice(1)).toEqual([
      ...names.map((name) => `x${name}\t{"code":"request-unhandled","message":"nothing handles \\"${name}\\" here"}`),
      "r9\t1",
    ])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    socket.close()
    await arena.settled()
  })

  it("a bye ends the session, and packets after it are not heard", async () => {
    const arena = await startArena()
    arena.hub.on("late", () => expect.unreachable())
    const { socket, closed } = await openWelcomed(arena.url)
    socket.send('b{"code":"closed","reason":"","retryable":false}\nn1\nmlate\t1')
    expect(await closed).toMatchObject({ code: "closed-by-peer" })
    expect(arena.hub.peers.size).toBe(1)
    await arena.settled()
  })
})

describe("frames that break the WebSocket protocol", () => {
  const upgrade = (key = "dGhlIHNhbXBsZSBub25jZQ=="): string =>
    [
      "GET /everwire/websocket HTTP/1.1",
      "Host: x",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${key}`,
      "\r\n",
    ].join("\r\n")

  it("the connection of such a client is cut after 2 s when the client keeps it open", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    socket.allowHalfOpen = true
    socket.write(upgrade())
    await new Promise((resolve) => socket.once("data", resolve))
    const cut = [...arena.sockets].map((one) => new Promise((resolve) => one.once("close", resolve)))
    socket.write(Buffer.from([0x81, 0x01, 0x68]))
    await received
    await Promise.race(cut)
    await arena.settled()
  }, 8_000)

  it("a message in more fragments than 1 for 512 bytes ends the connection: most of them bring nothing", async () => {
    const arena = await startArena()
    const { socket, closed } = await openWelcomed(arena.url)
    const heard: unknown[] = []
    arena.hub.on("x", (data) => heard.push(data))
    const most = maxFragments(maxBatchBytes(MAX_PAYLOAD_BYTES))
    socket.send("n1\nmx\t1", { fin: false })
    for (let i = 0; i < most - 2; i++) socket.send("", { fin: false })
    socket.send("", { fin: true })
    while (heard.length === 0) await arena.pass(1)
    socket.send("mx\t2", { fin: false })
    for (let i = 0; i < most; i++) socket.send("", { fin: false })
    expect(await closed).toMatchObject({ status: 1008 })
    expect(heard).toEqual([1])
    await arena.settled()
  })

  it.each(["ping", "pong"] as const)(
    "more %ss than 100 in a second end the connection with rate-limited",
    async (kind) => {
      const arena = await startArena()
      const { socket, closed } = await openWelcomed(arena.url)
      // What was not used of four seconds may be used at once.
      for (let i = 0; i < 400; i++) socket[kind]()
      let isClosed = false
      void closed.then(() => (isClosed = true))
      for (let i = 0; i < 20; i++) await arena.pass(1)
      expect(isClosed).toBe(false)
      for (let i = 0; i < 10; i++) socket[kind]()
      expect(await closed).toMatchObject({ status: 4000, code: "rate-limited" })
      await arena.settled()
    },
  )

  it("a message in many fragments is measured as a whole against the limit", async () => {
    const arena = await startArena()
    const { socket, closed } = await openWelcomed(arena.url)
    for (let i = 0; i < 40 && socket.readyState === socket.OPEN; i++) {
      socket.send(Buffer.alloc(65_536, "a"), { fin: false, binary: false })
    }
    expect(await closed).toMatchObject({ status: 1009 })
    await arena.settled()
  })

  it("a client that sends requests without reading answers is closed before it fills the hub's memory", async () => {
    const arena = await startArena({ limits: { maxMessagesPerSecond: Infinity } })
    const raw = await openWelcomed(arena.url)
    raw.socket.pause()
    const { socket } = raw
    let asked = 1
    socket.send("n1")
    const [, peer] = [...arena.hub.peers.values()]
    const gone = nextOf<unknown>((listener) => peer?.onClose(listener) ?? (() => {}))
    const flood = (): void => {
      if (socket.readyState !== socket.OPEN) return
      const batch = Array.from({ length: 500 }, () => `q${asked++}\techo\t"${"x".repeat(100)}"`)
      socket.send([...batch, ...Array.from({ length: 500 }, (_, n) => `p${n}`)].join("\n"), flood)
    }
    flood()
    let why: unknown
    void gone.then((closing) => {
      why = closing
    })
    // The requests are heard in slices, for which time has to pass.
    while (why === undefined) await arena.pass(1)
    expect(why).toMatchObject({ code: "buffer-full" })
    socket.terminate()
    await arena.settled()
  })
})
