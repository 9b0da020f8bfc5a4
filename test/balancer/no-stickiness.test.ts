import { createServer, type Server } from "node:http"
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net"
import { type Channel, createChannel } from "everwire"
import { createHub, type NodeHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function listen(server: { listen: Server["listen"]; address: Server["address"] }): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port
}

/** Several hubs behind one port; the balancer gives each new connection to the next hub. */
async function startBalancer(
  hubs: number,
): Promise<{ url: string; hubs: NodeHub[]; stop(hub: NodeHub): Promise<void>; cutAll(): void; served: number[] }> {
  const backends: NodeHub[] = []
  const ports: number[] = []
  const stops = new Map<NodeHub, () => Promise<void>>()
  for (let i = 0; i < hubs; i++) {
    const server = createServer()
    const hub = createHub()
    hub.attach(server)
    ports.push(await listen(server))
    backends.push(hub)
    const stop = async (): Promise<void> => {
      await hub.close()
      server.close()
      server.closeAllConnections()
    }
    stops.set(hub, stop)
    closers.push(stop)
  }
  const sockets = new Set<Socket>()
  const served: number[] = []
  let turn = 0
  const balancer = createTcpServer((client) => {
    const index = turn++ % hubs
    served.push(index)
    const upstream = connect(ports[index] ?? 0, "127.0.0.1")
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  const port = await listen(balancer as unknown as Server)
  closers.push(() => balancer.close())
  return {
    url: `http://127.0.0.1:${port}`,
    hubs: backends,
    served,
    stop: async (hub) => stops.get(hub)?.(),
    cutAll: () => {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function open(url: string, transport: "websocket" | "sse" | "long-poll"): Channel {
  const channel = createChannel(url, { transports: [transport], store: null })
  closers.push(() => channel.close())
  return channel
}

function next(channel: Channel, name: string): Promise<unknown> {
  return new Promise((resolve) => {
    const off = channel.on(name, (data) => {
      off()
      resolve(data)
    })
  })
}

describe("a balancer without stickiness", () => {
  it("opens an SSE stream although hello and stream went to two hubs over kept-alive connections", async () => {
    const { url, hubs } = await startBalancer(2)
    for (const hub of hubs) hub.on("echo", (data, peer) => peer.send("echo", data))
    const channel = open(url, "sse")
    const first = next(channel, "echo")
    channel.send("echo", 1)
    expect(await first).toBe(1)
  })

  it.each(["websocket", "long-poll"] as const)(
    "lets a channel find the hub that knows its session over %s",
    async (transport) => {
      const { url, hubs, cutAll, served } = await startBalancer(3)
      for (const hub of hubs) hub.on("echo", (data, peer) => peer.send("echo", data))
      const channel = open(url, transport)
      const resets: unknown[] = []
      channel.onReset((reset) => resets.push(reset))
      const first = next(channel, "echo")
      channel.send("echo", 1)
      expect(await first).toBe(1)
      const peer = channel.peerId
      const servedBefore = served.length
      const second = next(channel, "echo")
      cutAll()
      channel.send("echo", 2)
      expect(await second).toBe(2)
      expect(resets).toEqual([])
      expect(channel.peerId).toBe(peer)
      expect(served.length).toBeGreaterThan(servedBefore + 1)
    },
  )

  it("makes a channel give its session up when no hub knows it, and report which messages are uncertain", async () => {
    const { url, hubs, stop, cutAll } = await startBalancer(2)
    for (const hub of hubs) hub.on("echo", (data, peer) => peer.send("echo", data))
    const channel = open(url, "websocket")
    const first = next(channel, "echo")
    channel.send("echo", 1)
    await first
    await channel.flush()
    const reset = new Promise<{ closing: { code: string }; messages: readonly unknown[] }>((resolve) => {
      channel.onReset(resolve)
    })
    const [owner] = hubs.filter((hub) => hub.peers.size > 0)
    const replacement = new Promise<void>((resolve) => {
      for (const hub of hubs) if (hub !== owner) hub.onPeer(() => resolve())
    })
    if (owner !== undefined) await stop(owner)
    cutAll()
    expect((await reset).closing.code).toBe("session-unknown")
    await replacement
    expect(channel.status).not.toBe("closed")
  })
})
