// Requests that are sent before the one ahead of them is answered, on connections that break. Node reports such a break
// only to the answer whose turn it is, and throws where a later answer on a broken connection is ended, which ends the
// process.

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { createHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { arrival, disposeAll, onDispose } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { ask, bodyOf, envelopeOf, hello, openTcp } from "./attack.ts"
import { breakOff, holdsOf, moments, raw } from "./broken-connections.ts"

afterEach(disposeAll)

const evil = "Origin: https://evil.example"
const upgrade = ["Connection: Upgrade", "Upgrade: websocket"]

describe("a connection with several requests on it that breaks", () => {
  it.each<[title: string, requests: string]>([
    ["an unknown transport, each with a body", raw("GET", "pigeon") + raw("POST", "pigeon").repeat(3)],
    ["403, each with a body", raw("GET", "sse", "xx", evil) + raw("POST", "sse", "xx", evil).repeat(3)],
    ["403 to a preflight with a body", raw("OPTIONS", "sse", "xx", evil).repeat(4)],
    ["405 with a body", raw("PUT", "long-poll") + raw("DELETE", "sse").repeat(3)],
    ["426 with a body", raw("GET", "websocket") + raw("POST", "websocket").repeat(3)],
    ["400, each with its body read", raw("POST", "sse").repeat(4)],
    [
      "413, whose bodies never end",
      `${raw("POST", "pigeon")}${raw("POST", "sse", "x".repeat(2_000_000)).slice(0, -1)}`,
    ],
    ["a stream that is not there, with a body", raw("GET", "sse?ticket=none").repeat(4)],
    ["a poll in a header, with a body", raw("POST", "long-poll", "xx", 'Everwire: @{"link":"x","poll":1}').repeat(4)],
    [
      "all of these",
      [raw("GET", "pigeon"), raw("POST", "sse", "xx", evil), raw("PUT", "sse"), raw("POST", "sse")].join(""),
    ],
    ["an upgrade with a body, and more", raw("GET", "websocket", "xx", ...upgrade) + raw("POST", "pigeon").repeat(2)],
    [
      "a body that does not end, behind a refusal",
      `${raw("POST", "pigeon")}POST /everwire/sse HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n@`,
    ],
  ])("ends no other link, and leaves nothing: %s", async (_, requests) => {
    const arena = await startArena()
    const base = holdsOf(arena)
    await breakOff(arena, () => requests)
    await arena.settled()
    expect(holdsOf(arena)).toBe(base)
  })

  it.each(["sse", "long-poll"])(
    "leaves nothing of a link over %s, nor of the refused requests behind it",
    async (transport) => {
      const arena = await startArena()
      const base = holdsOf(arena)
      await breakOff(
        arena,
        async () => {
          const polls = transport === "sse" ? {} : { poll: 1 }
          const answer = await ask(`${arena.url}/${transport}`, { body: bodyOf({ up: 1, ...polls }, hello()) })
          const { link, ticket } = envelopeOf(answer) as { link: string; ticket: string }
          const first =
            transport === "sse" ? raw("GET", `sse?ticket=${ticket}`) : raw("POST", transport, bodyOf({ link, poll: 2 }))
          return first + raw("POST", "pigeon").repeat(3)
        },
        moments.slice(0, 3),
      ) // No answer comes while the poll is held.
      await arena.settled()
      expect(holdsOf(arena)).toBe(base)
    },
  )

  it("is reported to a poll that waits for its turn behind another one", async () => {
    const arena = await startArena()
    const base = holdsOf(arena)
    const greet = async (): Promise<string> => {
      const answer = await ask(`${arena.url}/long-poll`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })
      return (envelopeOf(answer) as { link: string }).link
    }
    const [first, second] = [await greet(), await greet()]
    const { socket } = await openTcp(arena.port)
    const taken = arrival(arena.server)
    socket.write([first, second].map((link) => raw("POST", "long-poll", bodyOf({ link, poll: 2 }))).join(""))
    await taken
    await turn()
    expect(holdsOf(arena)).toBe(base + 2)
    socket.resetAndDestroy()
    while (holdsOf(arena) > base) await turn()
    // Neither poll is repeated, so both links are ended long before the heartbeat timeout.
    await arena.pass(6_000)
    const left = await ask(`${arena.url}/long-poll`, { body: bodyOf({ link: second, poll: 2 }) })
    expect(left.code).toBe("network")
    await arena.settled()
  })
})

describe("an answer that comes before the body of its request", () => {
  it("is finished when the body ends, and then the connection ends", async () => {
    const arena = await startArena()
    const { socket, received, text } = await openTcp(arena.port)
    const answered = new Promise((resolve) => socket.once("data", resolve))
    socket.write(raw("POST", "pigeon", "x".repeat(1_000)).slice(0, -1))
    await answered
    expect(text()).toMatch(/^HTTP\/1.1 404 .*"code":"refused"/s)
    socket.write("x")
    expect(await received).toMatch(/^connection: close$/im)
    await arena.settled()
  })

  it("waits at most 2 s for the body", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    const answered = new Promise((resolve) => socket.once("data", resolve))
    socket.write(raw("POST", "pigeon").slice(0, -1))
    await answered
    await arena.pass(2_000)
    expect(await received).toMatch(/^HTTP\/1.1 404 /)
    await arena.settled()
  })

  it("lets at most 16 MiB of the body pass", async () => {
    const arena = await startArena()
    const { socket, received } = await openTcp(arena.port)
    socket.write(`POST /everwire/pigeon HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 ** 40}\r\n\r\n`)
    let sent = 0
    const pump = (): void => {
      while (!socket.destroyed && socket.write(Buffer.alloc(1_048_576))) sent++
      sent++
    }
    socket.on("drain", pump)
    pump()
    await received
    expect(sent).toBeLessThan(40) // The kernel's buffers hold bytes beyond these.
    await arena.settled()
  })
})

describe("a connection with very many requests", () => {
  /** A held poll, and behind it `count` uploads with one message each. */
  async function pile(count: number) {
    const arena = await startArena()
    const refused: string[] = []
    let heard = 0
    const isRefused = new Promise<void>((resolve) => {
      arena.hub.onRefused(({ code }) => {
        refused.push(code)
        resolve()
      })
    })
    const allHeard = new Promise<void>((resolve) => {
      arena.hub.on("x", (last) => {
        heard++
        if (last === true) resolve()
      })
    })
    const before = new Set(arena.hub.peers.values())
    const answer = await ask(`${arena.url}/long-poll`, { body: bodyOf({ up: 1, poll: 1 }, hello()) })
    const { link } = envelopeOf(answer) as { link: string }
    const [peer] = [...arena.hub.peers.values()].filter((each) => !before.has(each))
    const { socket, received } = await openTcp(arena.port)
    const bodies = Array.from({ length: count }, (_, n) => {
      return bodyOf({ link, up: n + 2 }, `${n === 0 ? "n1\n" : ""}mx\t${n === 31}`)
    })
    socket.write([bodyOf({ link, poll: 2 }), ...bodies].map((each) => raw("POST", "long-poll", each)).join(""))
    await allHeard
    return { arena, peer, socket, received, refused, isRefused, heard: () => heard }
  }
  const statuses = (answers: string): string[] =>
    [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => `${status}`)

  it("is answered with a code and ended, and later requests on it are not heard", async () => {
    const { arena, peer, received, refused, isRefused, heard } = await pile(3_000)
    await isRefused
    peer?.send("news")
    const answers = await received
    // The poll, the requests that waited behind it, and the first one above the limit.
    expect(statuses(answers)).toEqual([...Array<string>(33).fill("200"), "429"])
    expect(answers).toMatch(/"code":"rate-limited"/)
    expect([refused, heard()]).toEqual([["rate-limited"], 32])
    await ask(`${arena.url}/pigeon`, { body: "" })
    expect(holdsOf(arena)).toBe(1) // The remaining peer is the healthy one.
  })

  it("is answered in full while few requests wait", async () => {
    const { peer, socket, received, refused, heard } = await pile(32)
    peer?.send("news")
    let answered = 0
    socket.on("data", (answers) => {
      answered += statuses(String(answers)).length
      if (answered === 33) socket.destroy()
    })
    expect(statuses(await received)).toEqual(Array<string>(33).fill("200"))
    expect([refused, heard()]).toEqual([[], 32])
  })
})

it("an application's own requests behind the hub's middleware may be as many in one chunk as they like", async () => {
  const hub = createHub()
  const server = createServer((request, response) => {
    void hub.listener(request, response, () => response.end("own"))
  })
  // One that is attached has the server's connections watched.
  const attached = createHub({ path: "/attached" })
  attached.attach(server)
  onDispose(() => Promise.all([hub.close(), attached.close()]))
  onDispose(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  const { socket, text } = await openTcp(port)
  const answered = (): number => text().match(/own/g)?.length ?? 0
  const all = new Promise<void>((resolve) => socket.on("data", () => answered() === 300 && resolve()))
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300))
  await all
  socket.destroy()
})
