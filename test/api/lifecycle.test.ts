import { createChannel, type Status, type StatusDetail } from "everwire"
import type { Peer, PeerClosing } from "everwire/node"
import { afterEach, describe, expect, it, vi } from "vitest"
import { WebSocket } from "ws"
import { connect, disposeAll, nextOf, onDispose, startDuo, startHub, startServer } from "../support/hub-server.ts"

afterEach(disposeAll)

/** The closing that the peer of a duo is told when its session ends. */
function ending(peer: { onClose(listener: (closing: PeerClosing) => void): () => void }): Promise<PeerClosing> {
  return nextOf<PeerClosing>((listener) => peer.onClose(listener))
}

describe("the status of a channel", () => {
  it("goes from connecting to open, through reconnecting to open again, to closed", async () => {
    const { url, sockets } = await startHub()
    const channel = createChannel(url, { transports: ["websocket"] })
    const seen: [Status, StatusDetail][] = []
    channel.onStatus((status, detail) => seen.push([status, detail]))
    expect(channel.status).toBe("connecting")
    expect(channel.transport).toBeUndefined()
    await channel.opened
    expect(channel.status).toBe("open")
    expect(channel.transport).toBe("websocket")
    const again = nextOf<Status>(
      (listener) => channel.onStatus(listener),
      (status) => status === "open",
    )
    for (const socket of sockets) socket.resetAndDestroy()
    await again
    await channel.close()
    expect(channel.status).toBe("closed")
    expect(seen).toEqual([
      ["open", { transport: "websocket" }],
      ["reconnecting", { closing: expect.objectContaining({ code: "network", retryable: true }), retryInMs: 0 }],
      ["open", { transport: "websocket" }],
      ["closed", { closing: { code: "closed", reason: "closed by the application", retryable: false } }],
    ])
  })

  it("stays connecting while no hub answers, and says when it will try again", async () => {
    const { server, port } = await startServer()
    server.on("request", (_, response) => response.writeHead(404).end())
    const channel = createChannel(`http://127.0.0.1:${port}`, { transports: ["long-poll"] })
    onDispose(() => channel.close())
    const detail = await new Promise<StatusDetail>((resolve) => channel.onStatus((_, given) => resolve(given)))
    expect(channel.status).toBe("connecting")
    expect(detail.retryInMs).toBeGreaterThanOrEqual(0)
    expect(detail.closing).toMatchObject({ code: "refused", retryable: true })
  })
})

describe("opened", () => {
  it("resolves once, with the first link", async () => {
    const { channel } = await startDuo()
    expect(await channel.opened).toBeUndefined()
  })

  it("rejects with the code when the channel ends before it was open", async () => {
    const { url } = await startHub({ authenticate: () => null })
    const channel = createChannel(url)
    await expect(channel.opened).rejects.toMatchObject({ name: "EverwireError", code: "unauthorized" })
    expect(channel.status).toBe("closed")
  })

  it("rejects when the application closes the channel first, but not as an unhandled rejection", async () => {
    const { url } = await startHub()
    await createChannel(url).close()
    const channel = createChannel(url)
    await channel.close()
    await expect(channel.opened).rejects.toMatchObject({ code: "closed" })
  })
})

describe("closing the channel", () => {
  it("tells the peer, with a code and what could not be delivered", async () => {
    const { hub, channel, peer } = await startDuo()
    const ended = ending(peer)
    await channel.close()
    expect(await ended).toEqual({
      code: "closed-by-peer",
      reason: expect.any(String),
      retryable: false,
      undelivered: 0,
    })
    expect(peer).toMatchObject({ closed: true, connected: false })
    expect(hub.peers.size).toBe(0)
    expect(peer.send("chat")).toBe(false)
  })

  it("delivers the messages that were sent before", async () => {
    const { hub, channel } = await startDuo()
    const heard: unknown[] = []
    hub.on("n", (data) => heard.push(data))
    for (let n = 0; n < 100; n++) channel.send("n", n)
    await channel.close()
    expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })

  it("may be done twice, and by leaving an `await using` block", async () => {
    const { url } = await startHub()
    const channel = await connect(url)
    await Promise.all([channel.close(), channel.close()])
    await channel.close()
    const other = await connect(url)
    await other[Symbol.asyncDispose]()
    expect(other.status).toBe("closed")
  })

  it("leaves nothing at the server", async () => {
    const { hub, server, channel } = await startDuo()
    await channel.close()
    await hub.close()
    await new Promise((resolve) => server.close(resolve))
  })
})

describe("closing a peer", () => {
  it("tells the channel, which does not come back", async () => {
    const { hub, channel, peer } = await startDuo()
    const ended = ending(peer)
    const closed = new Promise((resolve) => channel.onStatus((status, { closing }) => resolve([status, closing])))
    peer.close("you were too loud")
    const why = { reason: "you were too loud", retryable: false }
    expect(await closed).toEqual(["closed", { code: "closed-by-peer", ...why }])
    expect(await ended).toEqual({ code: "closed", ...why, undelivered: 0 })
    expect(hub.peers.size).toBe(0)
  })

  it("says how many messages were never acknowledged; messages sent before still arrive", async () => {
    const { channel, peer } = await startDuo()
    const heard: unknown[] = []
    channel.on("n", (data) => heard.push(data))
    const ended = ending(peer)
    const closed = nextOf<Status>((listener) => channel.onStatus(listener))
    peer.send("n", 1)
    peer.send("n", 2)
    peer.request("n").catch(() => {})
    peer.close()
    expect((await ended).undelivered).toBe(2)
    expect(await closed).toBe("closed")
    expect(heard).toEqual([1, 2])
  })

  it("calls each listener once, and no listener that was removed", async () => {
    const { channel, peer } = await startDuo()
    let calls = 0
    peer.onClose(() => calls++)
    peer.onClose(() => expect.unreachable())()
    peer.close()
    peer.close()
    await channel.close()
    expect(calls).toBe(1)
  })

  it("in onPeer refuses the channel before it was open", async () => {
    const { hub, url } = await startHub()
    hub.onPeer((peer) => peer.close("not today"))
    await expect(createChannel(url).opened).rejects.toMatchObject({ code: "closed-by-peer", message: "not today" })
    expect(hub.peers.size).toBe(0)
  })

  it("reaches a channel whose link was down at that moment", async () => {
    const { url, hub, sockets } = await startHub()
    const peers = nextOf<Peer>((listener) => hub.onPeer(listener))
    const channel = await connect(url, { transports: ["websocket"] })
    const peer = await peers
    const closed = nextOf<Status>(
      (listener) => channel.onStatus(listener),
      (status) => status === "closed",
    )
    for (const socket of sockets) socket.resetAndDestroy()
    peer.close("while you were away")
    await closed
    await expect(channel.flush()).resolves.toBeUndefined()
    expect(channel.explain().why).toContain("while you were away")
  })
})

describe("closing the hub", () => {
  it("tells channels to dial again, and peers that the hub closed", async () => {
    const { hub, channel, peer } = await startDuo()
    const ended = ending(peer)
    const status = new Promise((resolve) => channel.onStatus((given, detail) => resolve([given, detail])))
    await hub.close()
    expect(await ended).toMatchObject({ code: "hub-closing", retryable: true, undelivered: 0 })
    expect(await status).toEqual([
      "reconnecting",
      { closing: expect.objectContaining({ code: "hub-closing" }), retryInMs: expect.any(Number) },
    ])
  })

  it("waits up to drainMs until everything was acknowledged", async () => {
    const { hub, channel, peer } = await startDuo()
    const heard: unknown[] = []
    channel.on("n", (data) => heard.push(data))
    const ended = ending(peer)
    for (let n = 0; n < 64; n++) peer.send("n", n)
    await hub.close({ drainMs: 20_000 })
    expect(heard).toHaveLength(64)
    expect((await ended).undelivered).toBe(0)
  })

  it("does not wait for peers that have left meanwhile", async () => {
    const { hub, peer } = await startDuo()
    peer.send("n", 1)
    const closed = hub.close({ drainMs: 60_000 })
    peer.close()
    await closed
  })

  it("may be done twice, and leaves the application's own server running", async () => {
    const { hub, url } = await startHub({}, (_, response) => void response.writeHead(418).end())
    await Promise.all([hub.close(), hub.close()])
    expect((await fetch(`${url}/sse`)).status).toBe(418)
    const channel = createChannel(url, { transports: ["websocket", "long-poll"] })
    onDispose(() => channel.close())
    const detail = await new Promise<StatusDetail>((resolve) => channel.onStatus((_, given) => resolve(given)))
    expect(detail.closing).toMatchObject({ code: "refused", retryable: true })
  })

  it("ends links that have not sent a hello yet", async () => {
    const { hub, url, sockets } = await startHub()
    const socket = new WebSocket(url.replace("http", "ws").concat("/websocket"))
    await new Promise((resolve) => socket.once("open", resolve))
    const closed = new Promise((resolve) => socket.once("close", (code, reason) => resolve([code, String(reason)])))
    await hub.close()
    expect(await closed).toEqual([4000, "hub-closing: the hub is shutting down"])
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })
})
