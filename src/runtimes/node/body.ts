import { Pieces } from "../../server/limits/pieces.ts"
import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { BODY_DEADLINE_MS, BODY_PROGRESS_BYTES } from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { ServedRequest } from "./served.ts"

/**
 * The whole body, if it has come with its head, as small ones do: then nothing has to be listened to. To be asked when
 * the parser has gone on behind the head, which it has in the next tick.
 */
export function takeBody(request: ServedRequest, maxBytes: number): Uint8Array | undefined {
  const length = Number(request.headers["content-length"])
  if (!(length > 0 && length <= maxBytes && request.readableLength === length)) return undefined
  const body = request.read() as Buffer // no encoding was set
  request.resume() // to its end, which others may wait for
  return body
}

/** Says how large a body may be that begins like this. */
export type More = (beginning: Uint8Array) => number

/**
 * Reads the whole body of a request, counting bytes as they come; see `HttpExchange.body`.
 *
 * @throws EverwireError (as a rejection) `too-large`, `timeout`, `network`, `protocol-error` for many pieces of a few bytes
 */
export function readBody(
  request: ServedRequest,
  maxBytes: number,
  more: More | undefined,
  clockwork: Clockwork,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const reading = new Reading(maxBytes, more, clockwork, resolve, reject)
    const broken = (): void => reading.fail(new EverwireError("network", "the body broke off"))
    // The listeners stay when it is settled: what still comes is thrown away.
    request.on("data", (chunk: Buffer) => reading.heard(chunk))
    request.on("end", () => reading.ended())
    request.on("close", broken)
    if (request.destroyed) broken()
  })
}

/** A body that is being read, until it is whole or has stopped moving. */
class Reading implements Alarm {
  slot: Slot | undefined
  #maxBytes: number
  #more: More | undefined
  readonly #clockwork: Clockwork
  readonly #resolve: (body: Uint8Array) => void
  readonly #reject: (error: EverwireError) => void
  /** What has come; undefined when it is settled, so that a request which is answered much later holds nothing of it. */
  #pieces: Pieces | undefined = new Pieces()
  /** How many bytes had come when the alarm was set. */
  #bytesBefore = 0

  constructor(
    maxBytes: number,
    more: More | undefined,
    clockwork: Clockwork,
    resolve: (body: Uint8Array) => void,
    reject: (error: EverwireError) => void,
  ) {
    this.#maxBytes = maxBytes
    this.#more = more
    this.#clockwork = clockwork
    this.#resolve = resolve
    this.#reject = reject
    this.#watch()
  }

  heard(chunk: Buffer): void {
    const pieces = this.#pieces
    // Of a body that was refused a million pieces may still come.
    if (pieces === undefined) return
    try {
      pieces.add(chunk)
      if (pieces.bytes > this.#maxBytes) this.#grown(pieces)
    } catch (error) {
      this.fail(error as EverwireError) // these two and `more` throw no other
    }
  }

  ended(): void {
    const pieces = this.#settle()
    if (pieces !== undefined) this.#resolve(pieces.join())
  }

  fail(error: EverwireError): void {
    if (this.#settle() !== undefined) this.#reject(error)
  }

  ring(): void {
    if ((this.#pieces?.bytes ?? 0) - this.#bytesBefore >= BODY_PROGRESS_BYTES) this.#watch()
    else this.fail(new EverwireError("timeout", "too little of the body came in time"))
  }

  /** It is larger than was known to be allowed. */
  #grown(pieces: Pieces): void {
    const more = this.#more
    this.#more = undefined
    if (more !== undefined) this.#maxBytes = more(pieces.join())
    if (pieces.bytes > this.#maxBytes) throw new EverwireError("too-large", `a body may hold ${this.#maxBytes} bytes`)
  }

  #watch(): void {
    this.#bytesBefore = this.#pieces?.bytes ?? 0
    this.#clockwork.set(this, this.#clockwork.now() + BODY_DEADLINE_MS)
  }

  /** What had come, the first time. */
  #settle(): Pieces | undefined {
    const pieces = this.#pieces
    this.#pieces = undefined
    this.#clockwork.clear(this)
    return pieces
  }
}
