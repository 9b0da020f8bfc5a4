import { Duplex } from "node:stream"
import type { Clockwork } from "../../session/clockwork.ts"

/** After so long, in milliseconds, what else one socket has brought waits until all others have been looked at. */
const SLICE_MS = 2
/** The time is looked at behind so many bytes: a frame takes 6, so that is work for less than a slice. */
const PIECE_BYTES = 4_096
/** So many sockets that have waited go on in one turn. */
const TURN_SOCKETS = 4

/** Who is told of what comes before the stream's listeners are. */
export interface IntakeSink {
  came(bytes: number): void
  /** So much is held until its turn comes. */
  held(bytes: number): void
}

/** The sockets of a hub that have used up their time. Each is there once, and lets go of what it holds when it is cut. */
export class Turns {
  /** The first that came first. */
  readonly #waiting: Intake[] = []
  /** Whether a turn is due. One that has to wait again in its turn must not make it two. */
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
      // Not those that have to wait again in this very turn.
      for (let left = Math.min(TURN_SOCKETS, this.#waiting.length); left > 0; left--) this.#waiting.shift()?.goOn()
    } finally {
      this.#set()
    }
  }
}

/**
 * What a stream brings, divided into turns. Node reads up to 32 chunks of 64 KiB of one socket in a go, and `ws` works on all
 * frames of a chunk in a go: of small messages, pings or parts of messages that is a quarter of a second for one peer. So
 * a chunk is handed to the stream in pieces, and the rest is held when the time is over.
 */
export class Intake {
  readonly #stream: Duplex
  readonly #clockwork: Clockwork
  readonly #turns: Turns
  readonly #sink: IntakeSink
  /** What has come and waits, in order; null is the stream's end. */
  #held: (Buffer | null)[] | undefined
  #usedMs = 0
  #isWaiting = false
  isPaused = false
  /** Whether nothing of what comes is heard any more. */
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

  /** As `push` of the stream: answers whether it should be read on. */
  push(chunk: Buffer | null): boolean {
    if (this.#held !== undefined || this.#isWaiting || this.isPaused || this.#isDropping) return this.#hold(chunk)
    return this.#pass(chunk)
  }

  /** It was paused, and may go on when its turn comes. */
  resume(): void {
    this.isPaused = false
    if (this.#held !== undefined) this.#wait()
  }

  /** Drops what waits and what still comes. Nothing more is read after the next chunk, which Node may have read already. */
  drop(): void {
    this.#isDropping = true
    this.#held = undefined
  }

  /** Its turn has come. */
  goOn(): void {
    this.#isWaiting = false
    this.#usedMs = 0
    const held = this.#held
    if (held === undefined || this.isPaused) return
    this.#held = undefined
    if (this.#stream.destroyed) return
    for (const chunk of held) this.push(chunk)
    // A stream whose end was held is asked whether all before it has been read, as Node asks one of its own.
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

/** The stream of a WebSocket, with a place for what takes its bytes first. */
interface HeardStream extends Duplex {
  intake: Intake
}

const { push } = Duplex.prototype

/** One function for all sockets. */
function pushInTurns(this: Duplex, chunk: Buffer | null): boolean {
  return (this as HeardStream).intake.push(chunk) // it is set on nothing else
}
