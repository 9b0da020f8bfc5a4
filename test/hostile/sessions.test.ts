import { type Channel, createChannel, type Status } from "everwire"
import { afterEach, describe, expect, it } from "vitest"
import {
  arrival,
  connect,
  createRuntime,
  disposeAll,
  nextOf,
  onArrival,
  onDispose,
  transports,
} from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { ask, bodyOf, envelopeOf, hello, openSocket, openTcp, openWelcomed } from "./attack.ts"

afterEach(disposeAll)

const id = "somebody-elses-session-1"
const key = "somebody-elses-secret-01"

describe("somebody else's session", () => {
  it.each([
    ["a wrong key", { id, key: "not-the-key-of-this-one1" }],
    ["a key that only begins like it", { id, key: `${key}x` }],
    ["its id as the key", { id, key: id }],
    ["a wrong key and a later turn", { id, key: "not-the-key-of-this-one1", turn: 9 }],
  ])("is not opened by %s: session-forbidden, and its owner notices nothing", async (_, fields) => {
    const arena = await startArena()
    const owner = await openWelcomed(arena.url, { id, key })
    const thief = await openSocket(arena.url)
    thief.socket.send(hello(fields))
    expect(await thief.closed).toEqual({ status: 4001, code: "session-forbidden", bye: "session-forbidden" })
    const answer = owner.next()
    owner.socket.send("n1\nq1\techo\t1")
    expect(await answer).toContain("r1\t1")
    owner.socket.close()
    await arena.settled()
  })

  it("is not opened by another principal who knows its id and key, on any transport", async () => {
    const arena = await startArena({ authenticate: ({ auth }) => ({ id: String(auth) }) })
    const owner = await openWelcomed(arena.url, { id, key, auth: "ann" })
    const stolen = { id, key, auth: "bob", turn: 9 }
    const thief = await openSocket(arena.url)
    thief.socket.send(hello(stolen))
    expect(await thief.closed).toMatchObject({ code: "session-forbidden" })
    for (const transport of transports.slice(1)) {
      const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ up: 1, poll: 1 }, hello(stolen)) })
      expect(answer.code).toBe("session-forbidden")
    }
    expect(owner.socket.readyState).toBe(owner.socket.OPEN)
    owner.socket.close()
    await arena.settled()
  })

  it("is not taken over by a turn that was used before, nor by an older one", async () => {
    const arena = await startArena()
    arena.hub.on("chat", () => expect.unreachable())
    const owner = await openWelcomed(arena.url, { id, key, turn: 5 })
    for (const turn of [5, 4, 0]) {
      const late = await openWelcomed(arena.url, { id, key, turn })
      expect(JSON.parse(late.heard[0]?.slice(1) ?? "")).toMatchObject({ attached: false, resumed: true })
      late.socket.send('n1\nmchat\t"not heard"')
      late.socket.send(`t{"turn":${turn},"heard":0}\nn1\nmchat\t"not heard"\np1`)
      expect(await late.next()).toBe("a0,1")
    }
    const answer = owner.next()
    owner.socket.send("n1\nq1\techo\t1")
    expect(await answer).toContain("r1\t1")
    owner.socket.close()
    await arena.settled()
  })
})

describe("a key that is used by two clients", () => {
  it("belongs to the later take; the earlier holder is told session-taken and loses all its links", async () => {
    const arena = await startArena()
    const first = await openWelcomed(arena.url, { id, key, turn: 5, holder: "the-first-of-the-holders" })
    const spare = await openWelcomed(arena.url, { id, key, turn: 0, holder: "the-first-of-the-holders" })
    const second = await openWelcomed(arena.url, { id, key, turn: 1, holder: "the-second-of-the-holders" })
    const taken = { status: 4001, code: "session-taken", bye: "session-taken" }
    expect([await first.closed, await spare.closed]).toEqual([taken, taken])
    const answer = second.next()
    second.socket.send("n1\nq1\techo\t1")
    expect(await answer).toContain("r1\t1")
    second.socket.close()
    await arena.settled()
  })

  it("is a matter of turns among one holder's links: the earlier link is closed as superseded after 15 s", async () => {
    const arena = await startArena()
    const first = await openWelcomed(arena.url, { id, key, turn: 1 })
    const second = await openWelcomed(arena.url, { id, key, turn: 2 })
    await arena.pass(15_000)
    expect(await first.closed).toMatchObject({ status: 4000, code: "superseded" })
    const answer = second.next()
    second.socket.send("n1\nq1\techo\t1")
    expect(await answer).toContain("r1\t1")
    second.socket.close()
    await arena.settled()
  })

  it("in two channels ends the one that held it first with session-taken, and only that one", async () => {
    const arena = await startArena()
    const connectCopy = (holder: string): Promise<Channel> => {
      const ids = [id, key, holder]
      const runtime = createRuntime({ id: () => ids.shift() ?? holder })
      return connect(arena.url, { transports: ["websocket"], runtime })
    }
    const first = await connectCopy("the-first-of-the-holders")
    const closed = new Promise((resolve) => {
      first.onStatus((status, { closing }) => status === "closed" && resolve(closing?.code))
    })
    const second = await connectCopy("the-second-of-the-holders")
    expect(await closed).toBe("session-taken")
    expect(await second.request("echo", 1)).toBe(1)
    await second.close()
    await arena.settled()
  })
})

describe("a client that never sends a hello", () => {
  it("on a WebSocket is closed with hello-timeout after 5 s", async () => {
    const arena = await startArena()
    const silent = await openSocket(arena.url)
    await arena.pass(5_000)
    expect(await silent.closed).toEqual({ status: 4000, code: "hello-timeout", bye: "hello-timeout" })
    await arena.settled()
  })

  it("and ignores the closing is cut after another 2 s", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    const key = "dGhlIHNhbXBsZSBub25jZQ=="
    const opened = new Promise((resolve) => socket.once("data", resolve))
    socket.write(
      `GET /everwire/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    )
    await opened
    await arena.pass(8_000)
    expect(await received).toContain("hello-timeout")
    await arena.settled()
  })

  it("because `authenticate` has not answered after 5 s is closed with the same code", async () => {
    let judge = (_principal: { id: string }): void => {}
    let slow = false
    const arena = await startArena({
      authenticate: () => {
        if (!slow) return { id: "" }
        return new Promise((resolve) => {
          judge = resolve
        })
      },
    })
    slow = true
    const waiting = await openSocket(arena.url)
    const answer = ask(`${arena.url}/long-poll`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })
    const said = arrival(arena.server)
    waiting.socket.send(hello())
    await said
    await arena.pass(1)
    await arena.pass(5_000)
    expect(await waiting.closed).toMatchObject({ code: "hello-timeout" })
    expect((await answer).code).toBe("hello-timeout")
    judge({ id: "too late" })
    slow = false
    // The delay is in the application's `authenticate`, so the hub reports it to `onError`.
    const timeout = expect.objectContaining({ code: "timeout", message: expect.stringContaining("authenticate") })
    await arena.settled([timeout, timeout])
    expect(arena.hub.peers.size).toBe(1)
  })
})

describe("a session without any message", () => {
  it("is removed 5 s after its link", async () => {
    const arena = await startArena()
    const { socket } = await openWelcomed(arena.url)
    expect(arena.hub.peers.size).toBe(2)
    const [, peer] = [...arena.hub.peers.values()]
    const ended = nextOf<unknown>((listener) => peer?.onClose(listener) ?? (() => {}))
    socket.terminate()
    while (peer?.connected) await arena.pass(1)
    await arena.pass(4_900)
    expect(arena.hub.peers.size).toBe(2)
    await arena.pass(200)
    expect(await ended).toMatchObject({ code: "session-expired", undelivered: 0 })
    expect(arena.hub.peers.size).toBe(1)
    await arena.settled()
  })

  it("is removed early, while a session with messages is kept for resumeMs", async () => {
    const arena = await startArena()
    const { socket, next } = await openWelcomed(arena.url)
    const answer = next()
    socket.send("n1\nq1\techo\t1")
    await answer
    const [, peer] = [...arena.hub.peers.values()]
    socket.terminate()
    while (peer?.connected) await arena.pass(1)
    await arena.pass(119_000)
    expect(arena.hub.peers.size).toBe(2)
    await arena.pass(2_000)
    expect(arena.hub.peers.size).toBe(1)
    await arena.settled()
  })
})

describe("a hub at its limit", () => {
  it("of sessions refuses the next with over-capacity, and admits it when one has ended", async () => {
    const arena = await startArena({ limits: { maxSessions: 2 } })
    const last = await openWelcomed(arena.url)
    const refused = await openSocket(arena.url)
    refused.socket.send(hello())
    expect(await refused.closed).toEqual({ status: 4000, code: "over-capacity", bye: "over-capacity" })
    const channel = createChannel(arena.url, { transports: ["websocket"], runtime: createRuntime({ random: () => 0 }) })
    onDispose(() => channel.close())
    expect(await nextOf<Status>((listener) => channel.onStatus(listener))).toBe("connecting")
    last.socket.send('b{"code":"closed","reason":"","retryable":false}')
    await channel.opened
    await channel.close()
    await arena.settled()
  })

  it("of sessions for one address refuses the next of that address, on every transport", async () => {
    const arena = await startArena({ limits: { maxSessionsPerAddress: 1 } })
    const refused = await openSocket(arena.url)
    refused.socket.send(hello())
    expect(await refused.closed).toMatchObject({ code: "over-capacity" })
    for (const transport of transports.slice(1)) {
      const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })
      expect(answer.code).toBe("over-capacity")
    }
    await arena.settled()
  })

  it("of links without a welcome refuses the next with a code; links before and after are not affected", async () => {
    const arena = await startArena({ limits: { maxUnwelcomedLinks: 2 } })
    const waiting = [await openSocket(arena.url), await openSocket(arena.url)]
    const refused = await openSocket(arena.url)
    expect(await refused.closed).toEqual({ status: 4000, code: "over-capacity", bye: "over-capacity" })
    const answer = await ask(`${arena.url}/sse`, { body: bodyOf({ up: 1 }, hello()) })
    expect(answer.code).toBe("over-capacity")
    const welcome = waiting[0]?.next()
    waiting[0]?.socket.send(hello())
    expect(await welcome).toMatch(/^w/)
    expect(envelopeOf(await ask(`${arena.url}/sse`, { body: bodyOf({ up: 1 }, hello()) }))).toHaveProperty("ticket")
    for (const { socket } of waiting) socket.close()
    await arena.settled()
  })

  it("of bytes kept for sessions ends the session that holds most", async () => {
    const arena = await startArena({ limits: { maxKeptBytes: 10_000 } })
    const { socket } = await openWelcomed(arena.url)
    const [, peer] = [...arena.hub.peers.values()]
    const ended = nextOf<unknown>((listener) => peer?.onClose(listener) ?? (() => {}))
    socket.terminate()
    while (peer?.connected) await arena.pass(1)
    peer?.send("large", "x".repeat(9_000))
    peer?.send("one too many", "x".repeat(2_000))
    expect(await ended).toMatchObject({ code: "over-capacity", undelivered: 1 })
    await arena.settled()
  })
})

describe("secrets", () => {
  it.each(transports)("never appear in a URL over %s, nor in explain() or in errors", async (transport) => {
    const arena = await startArena()
    const urls: string[] = []
    onArrival(arena.server, ({ url = "" }) => urls.push(url))
    const minted: string[] = []
    const runtime = createRuntime()
    const channel = await connect(arena.url, {
      transports: [transport],
      auth: () => "token-of-ann",
      runtime: {
        ...runtime,
        id: () => {
          const made = runtime.id()
          minted.push(made)
          return made
        },
      },
    })
    expect(await channel.request("echo", 1)).toBe(1)
    const said = `${urls.join()} ${JSON.stringify(channel.explain())} ${channel.peerId}`
    expect(urls.length).toBeGreaterThan(0)
    expect(minted.length).toBeGreaterThan(1)
    for (const secret of [...minted, "token-of-ann"]) expect(said).not.toContain(secret)
    await channel.close()
    // Over HTTP the bye may have to wait for an upload in flight.
    while (arena.hub.peers.size > 1) await arena.pass(1)
    await arena.settled()
  })
})
