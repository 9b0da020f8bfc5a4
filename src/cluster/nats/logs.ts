import { text, utf8 } from "../../wire/batch.ts"
import type { JetStream, Stored } from "./jetstream.ts"
import type { ServerClock } from "./server-clock.ts"

/** What stands in front of the bytes of each message of a log. */
interface Head {
  /** The log begins with this append: what is before it has expired. */
  readonly start?: true
  /** Which part of an append this is, and of how many. */
  readonly part?: number
  readonly pieces?: number
  readonly ttlMs?: number
  /** Instead of them: a reader was here. When the log expires, by the server's clock. */
  readonly sealed?: number
}

/**
 * Logs, each of them the messages of a subject. JetStream can store a message on the condition that no other one of its subject
 * came before, but not on the condition of a value elsewhere. So a fenced append first looks which message is the last,
 * then reads the fence, and then stores behind that message. A reader stores a seal before it reads: an append that read the
 * fence before it changed then finds the seal in its way, and looks again.
 */
export class Logs {
  readonly #stream: JetStream
  readonly #clock: ServerClock
  readonly #maxBytes: () => number

  constructor(stream: JetStream, clock: ServerClock, maxBytes: () => number) {
    this.#stream = stream
    this.#clock = clock
    this.#maxBytes = maxBytes
  }

  /** @param isFenced whether the fence still has its value */
  async append(subject: string, packed: Uint8Array, ttlMs: number, isFenced: () => Promise<boolean>): Promise<boolean> {
    const room = this.#maxBytes()
    const pieces = Math.max(1, Math.ceil(packed.length / room))
    for (;;) {
      const last = await this.#stream.last(subject)
      const start = (await this.#expiryOf(last)) <= (await this.#clock.now())
      if (!(await isFenced())) return false
      let sequence = last?.sequence
      for (let part = 0; part < pieces; part++) {
        const head: Head = { part, pieces, ttlMs, ...(start && part === 0 && { start: true }) }
        const data = withHead(head, packed.subarray(part * room, (part + 1) * room))
        sequence = await this.#stream.store(subject, data, sequence ?? 0)
        if (sequence === undefined) break
      }
      if (sequence !== undefined) return true
    }
  }

  /** The packed entries of all appends. */
  async read(subject: string): Promise<Uint8Array[]> {
    const end = await this.#seal(subject)
    if (end === undefined) return []
    let appends: Uint8Array[] = []
    /** Whether the beginning was seen. Where it was removed for its age, the rest is no log. */
    let isWhole = false
    let pieces: Uint8Array[] = []
    for (let at = 1; at < end; ) {
      const message = await this.#stream.next(subject, at)
      if (message === undefined || message.sequence >= end) break
      at = message.sequence + 1
      const { head, body } = parse(message.data)
      if (head.start) {
        appends = []
        isWhole = true
      }
      if (head.part === 0) pieces = []
      // A part whose append was given up has no successor.
      if (head.sealed !== undefined || head.part !== pieces.length) {
        pieces = []
        continue
      }
      pieces.push(body)
      if (pieces.length === head.pieces) appends.push(join(pieces))
    }
    return isWhole ? appends : []
  }

  /** Stores a seal. Returns its sequence, or undefined if the log has expired or never was. */
  async #seal(subject: string): Promise<number | undefined> {
    for (;;) {
      const last = await this.#stream.last(subject)
      const sealed = await this.#expiryOf(last)
      const sequence = await this.#stream.store(subject, withHead({ sealed }, new Uint8Array()), last?.sequence ?? 0)
      if (sequence === undefined) continue
      return sealed > (await this.#clock.now()) ? sequence : undefined
    }
  }

  async #expiryOf(last: Stored | undefined): Promise<number> {
    if (last === undefined) return 0
    const { sealed, ttlMs = 0 } = parse(last.data).head
    return sealed ?? last.at + ttlMs
  }
}

/** Bytes of a head at most. */
export const HEAD_BYTES = 200

function withHead(head: Head, body: Uint8Array): Uint8Array {
  const line = utf8(JSON.stringify(head))
  const message = new Uint8Array(1 + line.length + body.length)
  message[0] = line.length
  message.set(line, 1)
  message.set(body, 1 + line.length)
  return message
}

function parse(message: Uint8Array): { readonly head: Head; readonly body: Uint8Array } {
  const end = 1 + (message[0] ?? 0)
  return { head: JSON.parse(text(message.subarray(1, end))) as Head, body: message.subarray(end) } // of `withHead`
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of pieces) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
