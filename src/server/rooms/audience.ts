import type { AnyContract, Contract, DataOf, NameOf, Said } from "../../messaging/contract.ts"
import { deliveryOf, type SendOptions } from "../../messaging/send-options.ts"
import type { Clockwork } from "../../session/clockwork.ts"
import type { Delivery } from "../../session/delivery/delivery.ts"
import { isWide, type Packet } from "../../wire/batch.ts"
import type { Peer, Principal } from "../peer.ts"
import { HubPeer } from "../sessions/hub-peer.ts"
import type { KeptBytes } from "../sessions/kept-bytes.ts"
import { listOf } from "../sessions/lane-memory.ts"
import { PacketList } from "../sessions/shared-outbox.ts"
import type { Encoders, HubEncoder } from "./encoders.ts"
import { checkRoom, type Rooms } from "./rooms.ts"

/** Some of the hub's peers, chosen by room. */
export interface Audience<C extends Contract<C> = AnyContract, P extends Principal = Principal, D = unknown> {
  /** Leaves out peers: a peer, or all peers in a room. */
  except(...who: readonly (Peer<C, P, D> | string)[]): Audience<C, P, D>
  /** Sends a message to each peer once, as `hub.send` does to all. Options: see {@link SendOptions}. */
  send<N extends NameOf<C, "down">>(name: N, ...data: Said<DataOf<C, "down", N>>): void
}

/** What an audience needs from its hub. */
export interface AudienceHost {
  readonly rooms: Rooms<HubPeer>
  readonly kept: KeptBytes
  readonly encoders: Encoders
  readonly clockwork: Clockwork
}

/** The peers that are in at least one of these rooms, except `without`. */
export function audienceOf<C extends Contract<C>, P extends Principal, D>(
  host: AudienceHost,
  rooms: readonly string[],
  without: readonly (Peer<C, P, D> | string)[] = [],
): Audience<C, P, D> {
  return {
    except: (...who) => {
      for (const one of who) if (!(one instanceof HubPeer)) checkRoom(one)
      return audienceOf(host, rooms, [...without, ...who])
    },
    send: (name: string, data?: unknown, options?: SendOptions) => {
      const { first } = host.encoders
      const checked = first.checked(name, data)
      const packet = first.encode(name, checked)
      const copies = host.encoders.copies(name, checked)
      const delivery = options && deliveryOf(name, options, host.clockwork.now())
      sendTo(host, rooms, without, first, packet, delivery)
      if (copies !== undefined) {
        for (const copy of copies) sendTo(host, rooms, without, copy.encoder, copy.packet, delivery)
      }
    },
  }
}

/** Sends a packet to those peers that use one codec. */
function sendTo(
  { rooms: all, kept }: AudienceHost,
  rooms: readonly string[],
  without: readonly unknown[],
  encoder: HubEncoder,
  packet: Packet,
  delivery: Delivery | undefined,
): void {
  const left = new Set<unknown>(
    without.flatMap((who): unknown[] => (typeof who === "string" ? [...all.members(who)] : [who])),
  )
  const list = delivery ? listOf(packet) : new PacketList(packet, isWide(packet))
  if (list) kept.grow(list.bytes)
  for (const room of rooms) {
    for (const peer of [...all.members(room)]) {
      if (peer.encoder !== encoder || left.has(peer)) continue
      if (rooms.length > 1) left.add(peer)
      peer.sendEncoded(packet, list, delivery)
    }
  }
}
