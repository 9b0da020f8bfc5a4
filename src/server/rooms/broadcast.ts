import { readMessage } from "../../messaging/message.ts"
import { deliveryOf, type SendOptions } from "../../messaging/send-options.ts"
import type { Clockwork } from "../../session/clockwork.ts"
import type { Delivery } from "../../session/delivery/delivery.ts"
import { isWide, type Packet } from "../../wire/batch.ts"
import type { Broadcast, ClusterPeers, Copies } from "../across.ts"
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

/** Sends a message of another process to the peers of this one. `had`: the sessions that have it. Returns to how many. */
export function deliverHeard(host: BroadcastHost, broadcast: Broadcast, had: readonly string[]): number {
  const { rooms, except, delivery } = broadcast
  const before = host.fanOut.said
  const without = had.length === 0 ? except : [...except, ...peersOf(host, had)]
  for (const encoder of host.encoders.used) {
    const packet = packetFor(host, broadcast, encoder)
    if (packet !== undefined) deliver(host, rooms, without, encoder, packet, delivery)
  }
  return host.fanOut.said - before
}

function* peersOf(host: BroadcastHost, sessions: readonly string[]): Generator<HubPeer> {
  for (const { id, peer } of host.sessions()) if (sessions.includes(id)) yield peer
}

/** Sends a message of another process to one peer of this one, if the message is meant for it. */
export function deliverTo(host: BroadcastHost, hubSession: HubSession | undefined, broadcast: Broadcast): void {
  if (hubSession === undefined) return
  const { rooms, except, delivery } = broadcast
  const { encoder, peer } = hubSession
  if (rooms !== undefined && !isChosen(peer, rooms, except)) return
  const packet = packetFor(host, broadcast, encoder)
  if (packet !== undefined) peer.sendEncoded(packet, undefined, delivery)
}

/** The message in the codec of these peers. */
function packetFor(host: BroadcastHost, { packets }: Broadcast, encoder: HubEncoder): Packet | undefined {
  return packets.find(([codec]) => codec === encoder.name)?.[1] ?? translated(host, packets, encoder)
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
  if (rooms === undefined) {
    const sessions = without.length === 0 ? host.sessions() : otherThan(host.sessions(), without)
    return sendToAll(sessions, host.kept, encoder, packet, delivery)
  }
  const list = delivery ? listOf(packet) : new PacketList(packet, isWide(packet))
  if (list) host.kept.grow(list.bytes)
  for (const peer of chosenFrom(host.rooms, rooms, without)) {
    if (peer.encoder === encoder) peer.sendEncoded(packet, list, delivery)
  }
}

function* otherThan(sessions: Iterable<HubSession>, without: Without): Generator<HubSession> {
  for (const hubSession of sessions) if (!without.includes(hubSession.peer)) yield hubSession
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

/** Whether the peer is in one of these rooms, and in none of those that are left out. */
function isChosen({ rooms: own }: HubPeer, rooms: readonly string[], except: readonly string[]): boolean {
  return rooms.some((room) => own.has(room)) && !except.some((room) => own.has(room))
}

/** Whether it is one of the hub's own peers. */
export function isPeer(who: unknown): boolean {
  return who instanceof HubPeer
}
