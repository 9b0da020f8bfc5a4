import type { Delivery } from "../../session/delivery/delivery.ts"
import type { Packet } from "../../wire/batch.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { KeptBytes } from "../sessions/kept-bytes.ts"
import { listOf } from "../sessions/lane-memory.ts"
import type { HubEncoder } from "./encoders.ts"

/** Sends a packet to those sessions that use its codec. */
export function sendToAll(
  sessions: Iterable<HubSession>,
  kept: KeptBytes,
  encoder: HubEncoder,
  packet: Packet,
  delivery: Delivery | undefined,
): void {
  const list = delivery ? listOf(packet) : encoder.log.append(packet)
  if (list) kept.grow(list.costOf(packet))
  const place = list && list.held.length - 1 // read now: a session that ends in the loop calls listeners, which may send more
  // Iterated without a copy: `tell` may end sessions, which a Map's iterator allows, and begins none.
  for (const hubSession of sessions) {
    if (hubSession.encoder === encoder) hubSession.tell(packet, list, place, delivery)
  }
}
