import { type Channel, type ChannelOptions, createChannel, type StatusDetail } from "everwire"
import { createHub, type Hub, type HubOptions, type Peer } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Network, type VirtualRuntime } from "everwire/testing"

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

/** A channel of "ann" and a hub on a virtual network, and what happened at them. */
export interface Expiring {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly hub: Hub
  readonly channel: Channel
  /** The reasons with which the channel's `auth` was called, each with the milliseconds since the beginning. */
  readonly asked: [reason: string, atMs: number][]
  /** The reasons with which `authenticate` was called. */
  readonly judged: string[]
  /** What the hub refused, by code and stage. */
  readonly refused: string[]
  /** What was reported to the hub's `onError`. */
  readonly errors: unknown[]
  readonly statuses: [status: string, detail: StatusDetail][]
  /** Messages that arrived. */
  readonly up: unknown[]
  readonly down: unknown[]
  /** Packets that begin like this, of all that arrived so far. */
  packets(beginning: string): string[]
  readonly peer: Peer
  readonly atMs: () => number
}

/** Starts the two and waits until the channel is open. Its tokens last for `lifeMs` from the moment they are asked for. */
export async function expiring(
  lifeMs: number,
  options: {
    hub?: HubOptions
    /** What the channel's `auth` gives at this moment. `null`: the channel has no `auth`. */
    auth?: ((reason: string, now: number) => unknown) | null
    channel?: ChannelOptions
    transports?: readonly string[]
    seed?: number
  } = {},
): Promise<Expiring> {
  const { transports = ["websocket"], seed = 1 } = options
  const runtime = createVirtualRuntime({ seed })
  const network = createNetwork({ runtime })
  const startedAt = runtime.now()
  const atMs = (): number => runtime.now() - startedAt
  const [asked, judged, refused, errors, up, down, statuses]: [
    Expiring["asked"],
    string[],
    string[],
    unknown[],
    unknown[],
    unknown[],
    Expiring["statuses"],
  ] = [[], [], [], [], [], [], []]
  const hubOptions: HubOptions = {
    authenticate: ({ auth }) => auth as { id: string; expiresAt: number } | null, // what this channel's `auth` gives
    ...options.hub,
  }
  const { authenticate } = hubOptions
  const hub = createHub({
    ...hubOptions,
    runtime,
    authenticate(credentials) {
      judged.push(credentials.reason)
      return authenticate?.(credentials) ?? null
    },
    transports: transports.map((name) => network.acceptor(name)),
  })
  hub.on("up", (data) => void up.push(data))
  hub.onRefused(({ code, stage }) => refused.push(`${code} ${stage}`))
  hub.onError((error) => errors.push(error))
  const { auth = (_reason: string, now: number) => ({ id: "ann", expiresAt: now + lifeMs }) } = options
  const channel = createChannel("http://hub", {
    store: null,
    ...options.channel,
    runtime,
    ...(auth !== null && {
      auth(why: { readonly reason: string }) {
        asked.push([why.reason, atMs()])
        return auth(why.reason, runtime.now())
      },
    }),
    transports: transports.map((name) => network.dialer(name)),
  })
  channel.on("down", (data) => void down.push(data))
  channel.onError((error) => errors.push(error))
  channel.onStatus((status, detail) => statuses.push([status, detail]))
  await runtime.passUntil(() => channel.status !== "connecting", MINUTE)
  return {
    ...{ runtime, network, hub, channel, asked, judged, refused, errors, statuses, up, down, atMs },
    packets: (beginning) =>
      network.trace
        .split("\n")
        .flatMap((line) => (line.includes(` ${beginning}`) ? [line.slice(line.indexOf(` ${beginning}`) + 1)] : [])),
    get peer() {
      const [peer] = hub.peers.values()
      if (peer === undefined) throw new Error(`no peer: the channel is ${channel.status}`)
      return peer
    },
  }
}
