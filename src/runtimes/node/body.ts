import { Pieces } from "../../server/limits/pieces.ts"
import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { BODY_DEADLINE_MS, BODY_PROGRESS_BYTES } from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { ServedRequest } from "./served.ts"

/**
 * Returns the whole body if it came together with the head, as small bodies do; then no listeners are needed. Call it
 * in the tick after the `request` event, when the parser has read on behind the head. Undefined if the body is not
 * complete yet, too large or empty.
 */
export function takeBody(request: ServedRequest, maxBytes: number): Uint8Array | undefined {
  const length = Number(request.headers["content-length"])
  if (!(length > 0 && length <= maxBytes && request.readableLength === length)) return undefined
  const body = request.read() as Buffer // no encoding was set
  request.resume() // so that `end` comes, which others may wait for
  return body
}

/** Returns how large a body with this beginning may be, in bytes. */
export type More = (beginning: Uint8Array) => number

/**
 * Reads the whole body of a request and counts its bytes as they come. See `HttpExchange.body`.
 *
 * @throws EverwireError (as a rejection) `too-large`, `timeout`, `network`; `protocol-error` for many pieces of a few
 * bytes
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
    // The listeners stay when the promise is settled, so that data which still comes is read and dropped.
    request.on("data", (chunk: Buffer) => reading.heard(chunk))
    request.on("end", () => reading.ended())
    request.on("close", broken)
    if (request.destroyed) broken()
  })
}

/** A body that is being read, until it is complete or makes no progress. */
class Reading implements Alarm {
  slot: Slot | undefined
  #maxBytes: number
  #more: More | undefined
  readonly #clockwork: Clockwork
  readonly #resolve: (body: Uint8Array) => void
  readonly #reject: (error: EverwireError) => void
  /** The data so far. Undefined when the promise is settled, so that a request with a late answer does not keep it. */
  #pieces: Pieces | undefined = new Pieces()
  /** Number of bytes that had come when the alarm was set. */
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
    // A refused body may still bring a million pieces.
    if (pieces === undefined) return
    try {
      pieces.add(chunk)
      if (pieces.bytes > this.#maxBytes) this.#grown(pieces)
    } catch (error) {
      this.fail(error as EverwireError) // `add`, `#grown` and `more` throw nothing else
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

  /** The body is larger than allowed so far: asks `more`, once, whether a larger one is allowed. */
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

  /** Returns the data so far, and undefined if the promise was settled before. */
  #settle(): Pieces | undefined {
    const pieces = this.#pieces
    this.#pieces = undefined
    this.#clockwork.clear(this)
    return pieces
  }
}
