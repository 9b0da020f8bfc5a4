// When a channel's `close()` resolves, its peer at the hub has ended, so that a program may exit right after it.

import { createServer, type RequestListener } from "node:http"
import { createChannel } from "everwire"
import { createHub } from "everwire/node"
import { afterAll, describe, expect, it, vi } from "vitest"
import { connect, disposeAll, nextOf, onDispose, startHub, startServer, transports } from "../../support/hub-server.ts"

// The tests wait in real time, each with a hub of its own, so several run at once.
afterAll(disposeAll)

/** Starts a hub behind a server that answers POST requests itself while `way.listener` is set. */
async function startBehind(inTheWay: RequestListener | undefined) {
  const way = { listener: inTheWay }
  const hub = createHub()
  onDispose(() => hub.close())
  const { port, server } = await startServer(
    createServer((request, response) => {
      if (way.listener !== undefined && request.method === "POST") way.listener(request, response)
      else hub.listener(request, response)
    }),
  )
  server.on("upgrade", hub.handleUpgrade)
  return { hub, way, url: `http://127.0.0.1:${port}/everwire` }
}

const answer =
  (status: number, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    void response.writeHead(status, headers).end()

describe.each(transports)("a channel over %s that closes", { concurrent: true }, (transport) => {
  const only = { transports: [transport], store: null }

  it("has no peer at the hub when close() has resolved", async () => {
    const { hub, url } = await startHub()
    const channel = await connect(url, only)
    expect(hub.peers.size).toBe(1)
    await channel.close()
    expect(hub.peers.size).toBe(0)
  })

  it("has told the hub everything that it sent before", async () => {
    const { hub, url } = await startHub()
    const heard: unknown[] = []
    hub.on("chat", (data) => heard.push(data))
    const channel = await connect(url, only)
    for (let i = 0; i < 50; i++) channel.send("chat", i)
    await channel.close()
    expect(heard).toHaveLength(50)
    expect(hub.peers.size).toBe(0)
  })

  it("leaves no peer behind when it closes during its dial", async () => {
    const { hub, url } = await startHub()
    hub.onPeer((peer) => void peer.send("greeting", "welcome"))
    for (const afterMs of [0, 1, 2, 3, 5, 8, 13]) {
      const channel = createChannel(url, only)
      channel.opened.catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      await channel.close()
    }
    await vi.waitFor(() => expect(hub.peers.size).toBe(0), { timeout: 1_000 })
  })

  it("leaves no peer behind when it closes while authenticate runs", async () => {
    let judge = (): void => {}
    const { hub, url } = await startHub({
      authenticate: () => new Promise((resolve) => (judge = () => resolve({ id: "somebody" }))),
    })
    const channel = createChannel(url, only)
    channel.opened.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 100))
    await channel.close()
    judge()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(hub.peers.size).toBe(0)
  })

  it("has no peer at the hub although it was reconnecting", async () => {
    const started = await startHub()
    const { hub, url, server, sockets } = started
    hub.on("chat", () => {})
    const channel = await connect(url, only)
    channel.send("chat", 1)
    await channel.flush()
    // No request passes until the channel has closed.
    const { port } = started
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.resetAndDestroy()
    await closed
    await nextOf((hear) => channel.onStatus(hear))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(hub.peers.size).toBe(1)
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
    await channel.close()
    expect(hub.peers.size).toBe(0)
  })
})

describe.each(transports)("a channel over %s", (transport) => {
  it("keeps its session when its page is put away and comes back", async () => {
    const page = new EventTarget()
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page))
    const { hub, url } = await startHub()
    const channel = await connect(url, { transports: [transport], store: null })
    vi.unstubAllGlobals()
    const [peer] = hub.peers.values()
    const heard: unknown[] = []
    channel.on("down", (data) => heard.push(data))
    hub.on("up", (data) => heard.push(data))
    await channel.flush()
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }))
    await vi.waitFor(() => expect(peer?.connected).toBe(false))
    peer?.send("down", 1)
    channel.send("up", 2)
    page.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }))
    await vi.waitFor(() => expect(heard.sort()).toEqual([1, 2]))
    expect(peer?.id).toBe(channel.peerId)
    expect(peer?.closed).toBe(false)
  })
})

const requesting = ["sse", "long-poll", "short-poll"] as const
describe.each(requesting)("the bye of a closing channel over %s", { concurrent: true }, (transport) => {
  const only = { transports: [transport], store: null }

  it.each([
    ["503 for 300 ms", answer(503)],
    ["429 for 300 ms", answer(429)],
    ["502 for 300 ms", answer(502)],
    ["a broken connection for 300 ms", ((request) => request.socket.destroy()) satisfies RequestListener],
  ])("is sent again when it is answered with %s", async (_what, inTheWay) => {
    const { hub, way, url } = await startBehind(undefined)
    const channel = await connect(url, only)
    way.listener = inTheWay
    setTimeout(() => {
      way.listener = undefined
    }, 300)
    await channel.close()
    expect(hub.peers.size).toBe(0)
  })

  it("is sent again when it reaches another hub behind the same address", async () => {
    const other = createHub()
    onDispose(() => other.close())
    const { hub, way, url } = await startBehind(undefined)
    const channel = await connect(url, only)
    let met = 0
    way.listener = (request, response) => {
      if (++met > 2) way.listener = undefined
      other.listener(request, response)
    }
    await channel.close()
    expect([hub.peers.size, other.peers.size]).toEqual([0, 0])
  })

  it("is waited for three seconds at most", async () => {
    const { way, url } = await startBehind(undefined)
    const channel = await connect(url, only)
    way.listener = () => {} // This server never answers.
    const startedAt = performance.now()
    await channel.close()
    expect(performance.now() - startedAt).toBeLessThan(3_500)
  })
})
