import { Duplex } from "node:stream"
import type { Clockwork } from "../../session/clockwork.ts"

/** How long the input of one socket is handled before the rest waits for the socket's next turn, in milliseconds. */
const SLICE_MS = 2
/** The clock is read after this many bytes. A frame takes at least 6, so they are less work than a slice. */
const PIECE_BYTES = 4_096
/** How many waiting sockets go on in one turn. */
const TURN_SOCKETS = 4

/** Is told of a stream's input before the stream's own listeners get it. */
export interface IntakeSink {
  came(bytes: number): void
  /** This many bytes are held until the socket's next turn. */
  held(bytes: number): void
}

/** The sockets of a hub that have used up their time, each once. One that was cut releases its data in its turn. */
export class Turns {
  /** Oldest first. */
  readonly #waiting: Intake[] = []
  /** Whether a turn is scheduled. A socket that waits again during a turn must not schedule another one. */
  #isSet = false

  add(intake: Intake): void {
    this.#waiting.push(intake)
    this.#set()
  }

  #set(): void {
    if (this.#isSet || this.#waiting.length === 0) return
    this.#isSet = true
    setImmediate(this.#next)
  }

  readonly #next = (): void => {
    this.#isSet = false
    try {
      // Sockets that have to wait again in this turn are behind these.
      for (let left = Math.min(TURN_SOCKETS, this.#waiting.length); left > 0; left--) this.#waiting.shift()?.goOn()
    } finally {
      this.#set()
    }
  }
}

/**
 * Divides the input of a stream into turns. Node reads up to 32 chunks of 64 KiB from one socket before any other work,
 * and `ws` handles all frames of a chunk at once. With small messages, pings or parts of messages, one peer would keep
 * the hub busy for a quarter of a second. So a chunk is passed to the stream in pieces, and the rest is held when the
 * time is over.
 */
export class Intake {
  readonly #stream: Duplex
  readonly #clockwork: Clockwork
  readonly #turns: Turns
  readonly #sink: IntakeSink
  /** Input that waits, in order; `null` is the end of the stream. */
  #held: (Buffer | null)[] | undefined
  #usedMs = 0
  #isWaiting = false
  isPaused = false
  /** Whether all further input is dropped. */
  #isDropping = false

  constructor(stream: Duplex, clockwork: Clockwork, turns: Turns, sink: IntakeSink) {
    this.#stream = stream
    this.#clockwork = clockwork
    this.#turns = turns
    this.#sink = sink
    const heard = stream as HeardStream
    heard.intake = this
    heard.push = pushInTurns
  }

  get heldBytes(): number {
    return this.#held?.reduce((sum, chunk) => sum + (chunk?.length ?? 0), 0) ?? 0
  }

  /** Stands in for `push` of the stream. Returns whether the stream should read on. */
  push(chunk: Buffer | null): boolean {
    if (this.#held !== undefined || this.#isWaiting || this.isPaused || this.#isDropping) return this.#hold(chunk)
    return this.#pass(chunk)
  }

  /** Ends a pause. Held input goes on in the socket's next turn. */
  resume(): void {
    this.isPaused = false
    if (this.#held !== undefined) this.#wait()
  }

  /** Drops what waits and what still comes: at most one chunk, which Node may have read already. */
  drop(): void {
    this.#isDropping = true
    this.#held = undefined
  }

  /** The socket's turn has come. */
  goOn(): void {
    this.#isWaiting = false
    this.#usedMs = 0
    const held = this.#held
    if (held === undefined || this.isPaused) return
    this.#held = undefined
    if (this.#stream.destroyed) return
    for (const chunk of held) this.push(chunk)
    // The end of the stream was held. `read(0)` makes the stream end if all before it was read, as Node itself does.
    if (this.#held === undefined && held.at(-1) === null) this.#stream.read(0)
  }

  #pass(chunk: Buffer | null): boolean {
    if (chunk === null) return push.call(this.#stream, null)
    const { length } = chunk
    let hasRoom = true
    let from = this.#clockwork.now()
    for (let at = 0; at < length; at += PIECE_BYTES) {
      if (this.#isWaiting || this.isPaused || this.#isDropping) return this.#hold(chunk.subarray(at))
      const piece = length <= PIECE_BYTES ? chunk : chunk.subarray(at, at + PIECE_BYTES)
      this.#sink.came(piece.length)
      hasRoom = push.call(this.#stream, piece)
      const now = this.#clockwork.now()
      this.#usedMs += now - from
      from = now
      if (this.#usedMs >= SLICE_MS) this.#wait()
    }
    return hasRoom
  }

  #hold(chunk: Buffer | null): boolean {
    if (this.#isDropping) return false
    this.#held ??= []
    this.#held.push(chunk)
    if (chunk !== null) this.#sink.held(chunk.length)
    return false
  }

  #wait(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#turns.add(this)
  }
}

/** The stream of a WebSocket, with the intake that gets its input first. */
interface HeardStream extends Duplex {
  intake: Intake
}

const { push } = Duplex.prototype

/** One function for all sockets. */
function pushInTurns(this: Duplex, chunk: Buffer | null): boolean {
  return (this as HeardStream).intake.push(chunk) // set only on streams with an intake
}
