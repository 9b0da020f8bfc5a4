/**
 * What goes over the socket between a process and the primary, in frames: four bytes with the length of the rest, one
 * for the kind, four for an id, four for the length of a text, the text, and bytes. Numbers have their highest byte first.
 */
export interface Frame {
  readonly kind: number
  /** Joins a question and its answer. 0 where there is none. */
  readonly id: number
  /** A topic, or JSON. */
  readonly text: string
  readonly body: Uint8Array
  /** The whole frame as it came, to be passed on. */
  readonly raw: Uint8Array
}

/** Kinds of frames. */
export const FRAME = {
  /** Both ways: a message on the topic `text`. */
  message: 1,
  /** Up: the topic `text` is wanted, or not any more. */
  listen: 2,
  unlisten: 3,
  /** Up, and back with the same id when all before it has been done. */
  sync: 4,
  /** Up: a call of the store as JSON, and the entries of an append. */
  call: 5,
  /** Down: its answer. */
  answer: 6,
  /** Up, first on a connection: the process as JSON, see `Who`. */
  begin: 7,
  /** Up: a message on the topic `text`, to be published when the process has ended; and that it is taken back. */
  will: 8,
  unwill: 9,
} as const

const HEAD_BYTES = 13
const NOTHING = new Uint8Array()

export function frameOf(kind: number, id: number, text: string, body: Uint8Array = NOTHING): Uint8Array {
  const textBytes = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(HEAD_BYTES + textBytes + body.length)
  frame.writeUInt32BE(frame.length - 4, 0)
  frame[4] = kind
  frame.writeUInt32BE(id, 5)
  frame.writeUInt32BE(textBytes, 9)
  frame.write(text, HEAD_BYTES)
  frame.set(body, HEAD_BYTES + textBytes)
  return frame
}

/** Takes frames out of what a socket brings. */
export class FrameReader {
  /** Bytes that came and are no whole frame yet. */
  #chunks: Buffer[] = []
  #bytes = 0
  /** Number of bytes that the next frame needs to be whole. */
  #needed = 4

  /** The frames that this chunk completes. */
  read(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    const frames: Frame[] = []
    // Chunks are put together only when they hold a whole frame, so that a large one is copied once.
    while (this.#bytes >= this.#needed) {
      const [only, ...more] = this.#chunks
      const all = only !== undefined && more.length === 0 ? only : Buffer.concat(this.#chunks)
      let at = 0
      for (;;) {
        const left = all.length - at
        this.#needed = left < 4 ? 4 : 4 + all.readUInt32BE(at)
        if (left < this.#needed) break
        frames.push(parse(all.subarray(at, at + this.#needed)))
        at += this.#needed
      }
      this.#chunks = at < all.length ? [all.subarray(at)] : []
      this.#bytes = all.length - at
    }
    return frames
  }
}

function parse(raw: Buffer): Frame {
  const textEnd = HEAD_BYTES + raw.readUInt32BE(9)
  return {
    kind: raw[4] ?? 0,
    id: raw.readUInt32BE(5),
    text: raw.toString("utf8", HEAD_BYTES, textEnd),
    body: raw.subarray(textEnd),
    raw,
  }
}
