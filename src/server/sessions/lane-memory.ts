import type { Lane } from "../../session/delivery/lane.ts"
import { isWide, type Packet } from "../../wire/batch.ts"
import { PacketList, SHORT_LENGTH } from "./packet-list.ts"

/** Memory of a packet in a lane besides its text, in bytes: its entry and its place in a map. */
const ENTRY_OVERHEAD_BYTES = 128

/**
 * The list for a broadcast that peers may drop. A list of its own, because one peer that still waits keeps a whole list
 * alive. Undefined for a short packet: a list would take more memory than the text, which is shared anyway.
 */
export function listOf(packet: Packet): PacketList | undefined {
  return packet.length > SHORT_LENGTH ? new PacketList(packet, isWide(packet)) : undefined
}

/** Memory of a lane's packets in bytes, without those in shared lists. */
export function ownBytesOf({ packets }: Lane): number {
  let bytes = 0
  for (const { packet, list } of packets.values()) {
    bytes += ENTRY_OVERHEAD_BYTES
    if (list === undefined) bytes += (isWide(packet) ? 2 : 1) * packet.length
  }
  return bytes
}

/** The shared lists that a lane refers to. */
export function* listsOf({ packets }: Lane): Generator<PacketList> {
  for (const { list } of packets.values()) if (list instanceof PacketList) yield list
}
