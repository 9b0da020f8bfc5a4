import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { type Channel, type CreateChannelOptions, createChannel } from "everwire"
import { createHub, type NodeHub, type NodeHubOptions, type Peer } from "everwire/node"
import { FaultProxy } from "./fault-proxy.ts"
import { Flow } from "./flow.ts"

/** A hub behind a fault proxy, and a way to open channels through that proxy. */
export interface Journey {
  readonly hub: NodeHub
  readonly proxy: FaultProxy
  /** The errors that the hub gave to `onError`. Network faults cause none. */
  readonly failures: readonly unknown[]
  /** Creates a channel without a store. It is closed when the test ends. */
  dial(options?: CreateChannelOptions): Channel
  /** Creates a channel, waits until it is open, and starts a flow of messages between it and its peer. */
  flow(options?: CreateChannelOptions): Promise<{ channel: Channel; peer: Peer; flow: Flow }>
}

/** Starts a journey. `onFinished` is the hook of the calling test, so that tests of one file can run concurrently. */
export async function startJourney(
  onFinished: (close: () => Promise<void>) => void,
  options: NodeHubOptions = {},
): Promise<Journey> {
  const server = createServer()
  const hub = createHub(options)
  const failures: unknown[] = []
  hub.onError((error) => failures.push(error))
  hub.attach(server)
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  // The server listens on a TCP port, so its address is not a pipe.
  const proxy = await FaultProxy.start((server.address() as AddressInfo).port)
  const channels: Channel[] = []
  const flows: Flow[] = []
  onFinished(async () => {
    for (const flow of flows) flow.stop()
    for (const channel of channels) await channel.close({ flushMs: 0 })
    await hub.close()
    await proxy.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const dial = (channelOptions?: CreateChannelOptions): Channel => {
    const channel = createChannel(proxy.url, { store: null, ...channelOptions })
    channels.push(channel)
    return channel
  }
  return {
    hub,
    proxy,
    failures,
    dial,
    async flow(channelOptions) {
      const begun = new Promise<Peer>((resolve) => hub.onPeer(resolve))
      const channel = dial(channelOptions)
      await channel.opened
      const peer = await begun
      const flow = new Flow(hub, peer, channel)
      flows.push(flow)
      return { channel, peer, flow }
    },
  }
}

/** Waits in real time while messages flow. No test waits for a condition with it. */
export function forMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Resolves when the channel is open on this transport. */
export function onTransport(channel: Channel, transport: string): Promise<void> {
  return new Promise((resolve) => {
    const off = channel.onStatus((_, detail) => look(detail.transport))
    const look = (now: string | undefined): void => {
      if (now !== transport) return
      off()
      resolve()
    }
    look(channel.transport)
  })
}
