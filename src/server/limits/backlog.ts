import { type Batch, decodeBatch, type Packet, sizeOf } from "../../wire/batch.ts"
import { type Closing, protocolError } from "../../wire/errors.ts"

/** More packets than an honest channel puts into one batch: its bodies hold 256 KiB at most. */
export const MAX_BATCH_PACKETS = 65_536

/**
 * A run: the packets, and their bytes, that are handled between two looks at the clock. Reading it for each would cost
 * too much.
 */
const RUN_PACKETS = 8
const RUN_BYTES = 8_192

/**
 * Batches that wait to be handled. They are decoded run by run, because decoding a large batch as a whole takes too
 * long.
 */
export class Backlog {
  readonly #batches: Batch[] = []
  /** When each of them arrived. */
  readonly #arrivals: number[] = []
  /** Index of the batch that is being decoded, the position in it, and the number of packets decoded from it. */
  #next = 0
  #at = 0
  #packets = 0
  /** When the batch arrived of which packets were taken last. */
  arrivedAt = 0
  /** Why the link ended after all this input, if it did. */
  ended: Closing | undefined
  /** Called when no input waits any more. */
  readonly whenIdle: (() => void)[] = []
  /** Bytes that wait. A batch counts in full until all of it is decoded. */
  bytes = 0
  /** The part of `bytes` that is counted among the memory kept for the peer. */
  counted = 0

  add(batch: Batch, now: number): void {
    this.#batches.push(batch)
    this.#arrivals.push(now)
    this.bytes += sizeOf(batch)
  }

  /**
   * The oldest waiting packet and the small ones that follow it in its batch; undefined if none waits.
   *
   * @throws EverwireError `protocol-error` on a batch that cannot be decoded, or has too many packets
   */
  take(): Packet[] | undefined {
    const batch = this.#batches[this.#next]
    if (batch === undefined) return undefined
    this.arrivedAt = this.#arrivals[this.#next] ?? 0
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
    this.#batches.length = this.#arrivals.length = 0
    this.#next = 0
  }
}

/** Whether the whole batch is one run. */
export function isOneRun(batch: Batch): boolean {
  return endOfRun(batch, 0) === batch.length
}

/** Where the run that begins at `from` ends: its first packet, and those that follow while they are small. */
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

/**
 * Where the packet that begins at `from` ends. For bytes that are cut short, their end; decoding then reports the
 * error.
 */
function endOfPacket(batch: Batch, from: number): number {
  if (typeof batch === "string") {
    const end = batch.indexOf("\n", from)
    return end < 0 ? batch.length : end
  }
  if (from + 4 > batch.length) return batch.length
  const length = new DataView(batch.buffer, batch.byteOffset + from, 4).getUint32(0) & 0x7fff_ffff
  return Math.min(batch.length, from + 4 + length)
}
