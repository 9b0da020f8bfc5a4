import { type Batch, decodeBatch, type Packet, sizeOf } from "../../wire/batch.ts"
import { type Closing, protocolError } from "../../wire/errors.ts"

/** More packets than this are in no batch of an honest channel, whose bodies hold 256 KiB at most. */
export const MAX_BATCH_PACKETS = 65_536

/** So many packets, of so many bytes together, are taken at once: then it costs little to look at the time between. */
const RUN_PACKETS = 8
const RUN_BYTES = 8_192

/** Batches that have come and wait, to be taken apart piece by piece: a large one as a whole takes too long. */
export class Backlog {
  readonly #batches: Batch[] = []
  /** The batch that is being taken apart, how much of it was taken, and how many packets that were. */
  #next = 0
  #at = 0
  #packets = 0
  /** Why the link has ended behind all that waits, if it has. */
  ended: Closing | undefined
  /** Called when nothing waits any more. */
  readonly whenIdle: (() => void)[] = []
  /** Bytes that wait; those of the batch that is being taken apart count as a whole. */
  bytes = 0
  /** As many as were counted among what is kept for the peer. */
  counted = 0

  add(batch: Batch): void {
    this.#batches.push(batch)
    this.bytes += sizeOf(batch)
  }

  /**
   * The packet that has waited longest, with those of its batch that follow if they are small; undefined when none waits.
   *
   * @throws EverwireError `protocol-error` on a batch that cannot be read, or of too many packets
   */
  take(): Packet[] | undefined {
    const batch = this.#batches[this.#next]
    if (batch === undefined) return undefined
    const from = this.#at
    const isText = typeof batch === "string"
    const end = endOfRun(batch, from)
    const packets = decodeBatch(isText ? batch.slice(from, end) : batch.subarray(from, end))
    this.#packets += packets.length
    if (this.#packets > MAX_BATCH_PACKETS) throw protocolError("too many packets in a batch")
    this.#at = isText ? end + 1 : end
    if (this.#at >= batch.length + (isText ? 1 : 0)) this.#taken(sizeOf(batch))
    return packets
  }

  #taken(bytes: number): void {
    this.bytes -= bytes
    this.#at = 0
    this.#packets = 0
    this.#batches[this.#next++] = ""
    if (this.#next < this.#batches.length) return
    this.#batches.length = 0
    this.#next = 0
  }
}

/** Whether all of a batch is taken at once. */
export function isOneRun(batch: Batch): boolean {
  return endOfRun(batch, 0) === batch.length
}

/** Where those packets end that are taken at once: the one that begins here, and those that follow while they are small. */
function endOfRun(batch: Batch, from: number): number {
  const between = typeof batch === "string" ? 1 : 0
  let end = endOfPacket(batch, from)
  for (let count = 1; count < RUN_PACKETS && end < batch.length; count++) {
    const next = endOfPacket(batch, end + between)
    if (next - from > RUN_BYTES) break
    end = next
  }
  return end
}

/** Where the packet ends that begins here. Of bytes that are cut short, at their end: decoding them tells what is wrong. */
function endOfPacket(batch: Batch, from: number): number {
  if (typeof batch === "string") {
    const end = batch.indexOf("\n", from)
    return end < 0 ? batch.length : end
  }
  if (from + 4 > batch.length) return batch.length
  const length = new DataView(batch.buffer, batch.byteOffset + from, 4).getUint32(0) & 0x7fff_ffff
  return Math.min(batch.length, from + 4 + length)
}
