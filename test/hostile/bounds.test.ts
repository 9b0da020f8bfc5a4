// Limits on what strangers and peers can make a hub keep or do, where no other file here reaches them: the code and the
// count.

import { setImmediate as turn } from "node:timers/promises"
import { createHub, type HttpExchange, type Hub } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { afterEach, describe, expect, it } from "vitest"
import { disposeAll } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { ask, bodyOf, envelopeOf, hello, openSocket, openTcp, openWelcomed } from "./attack.ts"
import { upgradeHead } from "./inputs/input.ts"

afterEach(disposeAll)

describe("ended links over HTTP whose channels do not know it yet", () => {
  interface Answer {
    readonly status: number
    readonly text: string
  }

  async function post(hub: Hub, runtime: VirtualRuntime, body: string): Promise<Answer> {
    let answer: Answer | undefined
    const request = new Request("http://hub/everwire/long-poll", { method: "POST", body })
    void hub.fetch(request).then(async (response) => {
      answer = { status: response.status, text: await response.text() }
    })
    while (answer === undefined) {
      await turn()
      await runtime.pass(0)
    }
    return answer
  }

  /**
   * Begins `count` sessions. Each has uploaded and, where `said` is not empty, polled for it; then the hub ends it. The
   * hub keeps an answer until the next poll shows that it has arrived.
   */
  async function endLinks(count: number, said = ""): Promise<{ last(link: number): Promise<Answer>; hub: Hub }> {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime, limits: { maxSessions: Infinity } })
    const links: string[] = []
    // 500 at once, because each answer takes a few turns.
    for (let from = 0; from < count; from += 500) {
      const some = Array.from({ length: Math.min(500, count - from) })
      const answers = await Promise.all(some.map(() => post(hub, runtime, bodyOf({ up: 1, poll: 1 }, hello()))))
      const begun = answers.map(({ text }) => /"link":"([\w-]+)"/.exec(text)?.[1] ?? "")
      await Promise.all(begun.map((link) => post(hub, runtime, bodyOf({ link, up: 2 }, "a0"))))
      links.push(...begun)
      const peers = [...hub.peers.values()]
      if (said !== "") {
        for (const peer of peers) peer.send("much", said)
        await Promise.all(begun.map((link) => post(hub, runtime, bodyOf({ link, poll: 2 }))))
      }
      for (const peer of peers) peer.close()
    }
    const poll = said === "" ? 2 : 3
    return { hub, last: (link) => post(hub, runtime, bodyOf({ link: links.at(link), poll })) }
  }

  it("are kept up to 10 000: above that the oldest is forgotten, and the others are told their closing", async () => {
    const { hub, last } = await endLinks(10_001)
    expect(await last(0)).toMatchObject({ status: 404, text: expect.stringContaining('"code":"link-unknown"') })
    expect(hub.stats().refused).toEqual({ "link-unknown": 1 })
    for (const link of [1, -1]) {
      expect(await last(link)).toMatchObject({ status: 200, text: expect.stringContaining('"code":"closed-by-peer"') })
    }
    await hub.close()
  })

  it("are kept up to 8 MiB", async () => {
    // The first answer brings 16 KiB, because the rate of the link is not known yet.
    const { hub, last } = await endLinks(600, "x".repeat(100_000))
    const answers = await Promise.all(Array.from({ length: 600 }, (_, link) => last(link)))
    const forgotten = answers.findIndex(({ status }) => status === 200)
    expect(forgotten).toBeGreaterThan(0)
    expect(answers.map(({ status }) => status)).toEqual(answers.map((_, link) => (link < forgotten ? 404 : 200)))
    expect((600 - forgotten) * 16_384).toBeLessThan(8_388_608)
    expect((600 - forgotten) * 16_384).toBeGreaterThan(7_500_000)
    await hub.close()
  })
})

describe("answers to polls that are not read", () => {
  it("count as kept bytes until the network has taken them, and are released when their session is ended", async () => {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime, limits: { maxKeptBytes: 10_000_000 } })
    /** Sends a request on a connection whose network has not taken `unsentBytes` bytes of the answer. */
    const post = async (body: string, unsentBytes: number) => {
      const asked = { answer: "", isCut: false, unsentBytes }
      const exchange: HttpExchange = {
        method: "POST",
        path: "/everwire/long-poll",
        address: undefined,
        query: () => undefined,
        header: (name) => (name === "content-length" ? String(body.length) : undefined),
        body: async () => Buffer.from(body),
        respond: (_, __, answer) => {
          asked.answer = String(answer)
        },
        stream: () => expect.unreachable(),
        onAbort() {},
        get unsentBytes() {
          return asked.unsentBytes
        },
        cut() {
          asked.isCut = true
        },
      }
      hub.exchange(exchange)
      while (asked.answer === "") {
        await turn()
        await runtime.pass(0)
      }
      return asked
    }
    const greeted = await post(bodyOf({ up: 1, poll: 1 }, hello()), 0)
    const link = /"link":"([\w-]+)"/.exec(greeted.answer)?.[1]
    const [peer] = hub.peers.values()
    peer?.send("much", "x".repeat(100_000))
    const before = hub.stats().keptBytes
    const unread = await post(bodyOf({ link, poll: 2 }), 8_000_000)
    expect(hub.stats().keptBytes - before).toBeGreaterThan(8_000_000)
    unread.unsentBytes = 0
    expect(hub.stats().keptBytes - before).toBeLessThan(100_000)
    unread.unsentBytes = 8_000_000
    // A second session is sent more than the limit leaves room for.
    const other = await post(bodyOf({ up: 1, poll: 1 }, hello()), 0)
    expect(other.answer).toContain("w{")
    const second = [...hub.peers.values()].at(-1)
    for (let n = 0; n < 3; n++) second?.send("much", "x".repeat(1_000_000))
    expect([unread.isCut, peer?.closed, second?.closed]).toEqual([true, true, false])
    expect(hub.stats().ended).toEqual({ "over-capacity": 1 })
    expect(hub.stats().keptBytes).toBeLessThan(3_200_000)
    await hub.close()
  })
})

describe("a refused upgrade", () => {
  it("of an address with too many of them has the code, and a Retry-After", async () => {
    const arena = await startArena({
      limits: { maxSessionsPerAddress: 100, maxExchangesPerSecond: 1, maxShareOfAddress: 1 },
    })
    let text = ""
    for (let times = 0; times < 6; times++) {
      const { socket, received } = await openTcp(arena.port)
      socket.end(upgradeHead())
      text = await received
    }
    expect(text).toMatch(/^HTTP\/1.1 429 rate-limited\r\n/)
    expect(text).toMatch(/\r\nRetry-After: 1\r\n/)
    expect(arena.hub.stats().refused).toMatchObject({ "rate-limited": expect.any(Number) })
    await arena.settled()
  })
})

describe("floods from one address", () => {
  const limits = { maxSessionsPerAddress: 50, maxHellosPerSecond: 2, maxExchangesPerSecond: 10, maxShareOfAddress: 10 }
  const begin = async (url: string, transport: string): Promise<string> => {
    const answer = await ask(`${url}/${transport}`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })
    return String(envelopeOf(answer)["link"])
  }

  /**
   * The attacks of `npm run siege:abuser` that use requests. Each is repeated until it is answered with a code, at most
   * 200 times.
   */
  const kinds: Readonly<Record<string, (url: string) => Promise<(n: number) => Promise<string | undefined>>>> = {
    hellos: async (url) => async () => {
      const { socket, closed } = await openSocket(url)
      const welcomed = new Promise<undefined>((resolve) =>
        socket.on("message", (data: Buffer) => data[0] === 119 && resolve(undefined)),
      )
      socket.send(hello())
      const code = await Promise.race([welcomed, closed.then(({ code }) => code)])
      socket.terminate()
      return code
    },
    "poll-hellos": async (url) => async () =>
      (await ask(`${url}/long-poll`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })).code,
    polls: async (url) => {
      const link = await begin(url, "short-poll")
      return async (n) =>
        (await ask(`${url}/short-poll`, { body: bodyOf({ link, up: n + 2, poll: n + 2 }, "p1") })).code
    },
    posts: async (url) => {
      const link = await begin(url, "long-poll")
      const batch = (n: number): string => (n === 0 ? "n1\nmx\t1" : "mx\t1")
      return async (n) => (await ask(`${url}/long-poll`, { body: bodyOf({ link, up: n + 2 }, batch(n)) })).code
    },
  }

  it.each(Object.entries(kinds))("by %s are answered with rate-limited", async (_, start) => {
    const arena = await startArena({ limits })
    const again = await start(arena.url)
    let code: string | undefined
    let n = 0
    for (; code === undefined && n < 200; n++) code = await again(n)
    expect(code).toBe("rate-limited")
    expect(n).toBeLessThan(60)
    expect(arena.hub.stats().refused).toEqual({ "rate-limited": 1 })
    await arena.settled()
  })
})

describe("hellos that wait for authenticate", () => {
  it("are limited per second over all addresses: one above is refused with a time to wait", async () => {
    const arena = await startArena({
      limits: { maxAuthenticationsPerSecond: 5 },
      authenticate: () => ({ id: "anybody" }),
    })
    const answers: string[] = []
    for (let n = 0; n < 25; n++) {
      answers.push((await ask(`${arena.url}/long-poll`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })).body)
    }
    // The allowance of four seconds, one hello of which the healthy channel has used.
    expect(answers.findIndex((answer) => answer.includes("rate-limited"))).toBe(20)
    expect(answers[20]).toMatch(/"retryAfterMs":[1-9]/)
    expect(arena.hub.stats()).toMatchObject({ authenticating: 0, refused: { "rate-limited": 5 } })
    await arena.settled()
  })
})

describe("stats().refused", () => {
  it("counts uploads that came too early, and uploads that end their session", async () => {
    const arena = await startArena()
    for (const [up, batch] of [
      [5, "n1\nmx\t1"],
      [2, `n1\nmx\t${"[".repeat(2_000)}`],
    ] as const) {
      const answer = await ask(`${arena.url}/sse`, { body: bodyOf({ up: 1 }, hello()) })
      const { link } = envelopeOf(answer)
      await ask(`${arena.url}/sse`, { body: bodyOf({ link, up }, batch) })
    }
    expect(arena.hub.stats().refused).toEqual({ "protocol-error": 1, "too-large": 1 })
    await arena.settled()
  })

  it("counts links above the number that a session may have", async () => {
    const arena = await startArena()
    const session = { id: "a-session-of-many-links", key: "the-key-of-many-links-1" }
    const links = [await openWelcomed(arena.url, session)]
    for (let n = 0; n < 9; n++) links.push(await openWelcomed(arena.url, { ...session, turn: 0 }))
    expect(await links[1]?.closed).toMatchObject({ code: "superseded" })
    expect(arena.hub.stats().refused).toEqual({ superseded: 1 })
    for (const { socket } of links) socket.terminate()
    await arena.settled()
  })

  it("counts requests that exceed the limit of open requests", async () => {
    const arena = await startArena({ limits: { maxRequestBytes: 1_000 } })
    arena.hub.handle("slow", () => new Promise(() => {}))
    const { socket, next } = await openWelcomed(arena.url)
    const answer = next()
    socket.send("n1\nq1\tslow\t1\nq2\tslow\t1")
    expect(await answer).toContain('x2\t{"code":"rate-limited"')
    expect(arena.hub.stats().refused).toEqual({ "rate-limited": 1 })
    socket.terminate()
    await arena.settled()
  })
})
