import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { type Channel, createChannel } from "everwire"
import { cluster } from "everwire/cluster"
import { createHub, type NodeHub, type Peer } from "everwire/node"
import { memoryBackplane } from "everwire/testing"
import { FaultProxy } from "./fault-proxy.ts"
import { Flow } from "./flow.ts"
import { createRuntime } from "./hub-server.ts"
import type { Journey } from "./journey.ts"
import { startRoundRobin } from "./round-robin.ts"

/**
 * Starts hubs of one cluster behind a proxy that sends each request to the next one, and that behind a fault proxy.
 * `onFinished` is the hook of the calling test.
 */
export async function startClusterJourney(
  count: number,
  onFinished: (close: () => Promise<void>) => void,
): Promise<Pick<Journey, "proxy" | "failures" | "flow"> & { readonly hubs: readonly NodeHub[] }> {
  const bus = memoryBackplane({ runtime: createRuntime() })
  const failures: unknown[] = []
  const hubs: NodeHub[] = []
  const servers: Server[] = []
  for (let at = 0; at < count; at++) {
    const server = createServer()
    const hub = createHub({ cluster: cluster(bus.end()) })
    hub.onError((error) => failures.push(error))
    hub.attach(server)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    hubs.push(hub)
    servers.push(server)
  }
  // The servers listen on TCP ports, so their addresses are not pipes.
  const balancer = await startRoundRobin(servers.map((server) => (server.address() as AddressInfo).port))
  const proxy = await FaultProxy.start(balancer.port)
  const channels: Channel[] = []
  const flows: Flow[] = []
  onFinished(async () => {
    for (const flow of flows) flow.stop()
    for (const channel of channels) await channel.close({ flushMs: 0 })
    for (const hub of hubs) await hub.close()
    await proxy.close()
    await balancer.close()
    for (const server of servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })
  /** What a flow asks of a hub, asked of all. */
  const all = {
    on: (name: string, handler: (data: unknown, peer: Peer) => void) => {
      for (const hub of hubs) hub.on(name, handler)
      return () => {}
    },
    onPeer: (listener: (peer: Peer, how: { readonly moved: boolean }) => void) => {
      for (const hub of hubs) hub.onPeer(listener)
      return () => {}
    },
  }
  return {
    hubs,
    proxy,
    failures,
    async flow(options) {
      const begun = new Promise<Peer>((resolve) => all.onPeer(resolve))
      const channel = createChannel(proxy.url, { store: null, ...options })
      channels.push(channel)
      await channel.opened
      const peer = await begun
      const flow = new Flow(all, peer, channel)
      flows.push(flow)
      return { channel, peer, flow }
    },
  }
}
