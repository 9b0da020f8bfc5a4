import { readMessage } from "../../messaging/message.ts"
import { deliveryOf, type SendOptions } from "../../messaging/send-options.ts"
import type { Clockwork } from "../../session/clockwork.ts"
import type { Delivery } from "../../session/delivery/delivery.ts"
import { isWide, type Packet } from "../../wire/batch.ts"
import type { Broadcast, ClusterPeers, Copies } from "../cluster.ts"
import type { FanOut } from "../limits/fan-out.ts"
import { HubPeer } from "../sessions/hub-peer.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { KeptBytes } from "../sessions/kept-bytes.ts"
import { listOf } from "../sessions/lane-memory.ts"
import { PacketList } from "../sessions/packet-list.ts"
import type { Encoders, HubEncoder } from "./encoders.ts"
import type { Rooms } from "./rooms.ts"
import { sendToAll } from "./send-to-all.ts"

/** What a message to several peers needs from its hub. */
export interface BroadcastHost {
  readonly rooms: Rooms<HubPeer>
  readonly kept: KeptBytes
  readonly encoders: Encoders
  readonly clockwork: Clockwork
  readonly fanOut: FanOut
  sessions(): Iterable<HubSession>
}

/** Peers, and names of rooms whose members are meant. */
export type Without = readonly unknown[]

/**
 * Sends a message to the peers in at least one of these rooms, or to all peers if `rooms` is undefined: to those of this
 * process, and with a cluster also to those of the others.
 *
 * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`: then it is sent to nobody
 */
export function broadcast(
  host: BroadcastHost,
  cluster: ClusterPeers | undefined,
  rooms: readonly string[] | undefined,
  without: Without,
  name: string,
  data: unknown,
  options: SendOptions | undefined,
): void {
  const { first } = host.encoders
  const checked = first.checked(name, data)
  const packet = first.encode(name, checked)
  const copies = host.encoders.copies(name, checked)
  const delivery = options && deliveryOf(name, options, host.clockwork.now())
  // Before the peers of this process: a listener that this calls may send more, which must come later everywhere.
  if (cluster !== undefined) {
    const packets: [string, Packet][] = [[first.name, packet]]
    for (const { encoder, packet } of copies ?? []) packets.push([encoder.name, packet])
    const except = without.filter((who) => typeof who === "string")
    host.fanOut.said += cluster.send({ rooms, except, delivery, packets })
  }
  deliver(host, rooms, without, first, packet, delivery)
  if (copies === undefined) return
  for (const { encoder, packet } of copies) deliver(host, rooms, without, encoder, packet, delivery)
}

/** Sends a message of another process to the peers of this one. Returns to how many. */
export function deliverHeard(host: BroadcastHost, { rooms, except, delivery, packets }: Broadcast): number {
  const before = host.fanOut.said
  for (const encoder of host.encoders.used) {
    const packet = packets.find(([codec]) => codec === encoder.name)?.[1] ?? translated(host, packets, encoder)
    if (packet !== undefined) deliver(host, rooms, except, encoder, packet, delivery)
  }
  return host.fanOut.said - before
}

/** For a codec that the other process does not have. Undefined if it has none of this hub's codecs. */
function translated(host: BroadcastHost, packets: Copies, encoder: HubEncoder): Packet | undefined {
  for (const [codec, packet] of packets) {
    const known = host.encoders.named(codec)
    const message = known && readMessage(packet, known.codec)
    if (message !== undefined) return encoder.encode(message.name, message.data)
  }
  return undefined
}

/** Sends a packet to those peers of this process that use one codec. */
function deliver(
  host: BroadcastHost,
  rooms: readonly string[] | undefined,
  without: Without,
  encoder: HubEncoder,
  packet: Packet,
  delivery: Delivery | undefined,
): void {
  if (rooms === undefined) return sendToAll(host.sessions(), host.kept, encoder, packet, delivery)
  const list = delivery ? listOf(packet) : new PacketList(packet, isWide(packet))
  if (list) host.kept.grow(list.bytes)
  for (const peer of chosenFrom(host.rooms, rooms, without)) {
    if (peer.encoder === encoder) peer.sendEncoded(packet, list, delivery)
  }
}

/** The peers of this process that are in at least one of these rooms, each once. */
export function* chosenFrom(all: Rooms<HubPeer>, rooms: readonly string[], without: Without): Generator<HubPeer> {
  const left = new Set<unknown>(
    without.flatMap((who): unknown[] => (typeof who === "string" ? [...all.members(who)] : [who])),
  )
  for (const room of rooms) {
    for (const peer of [...all.members(room)]) {
      if (left.has(peer)) continue
      if (rooms.length > 1) left.add(peer)
      yield peer
    }
  }
}

/** Whether it is one of the hub's own peers. */
export function isPeer(who: unknown): boolean {
  return who instanceof HubPeer
}
