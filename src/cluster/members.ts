import { Decoder, Encoder } from "@msgpack/msgpack"
import type { Alarm, Clockwork, Slot } from "../session/clockwork.ts"

/** How often a process tells the others that it lives, in milliseconds. */
export const BEAT_MS = 1_000
/** A process of which so many beats in a row did not come is dead. */
export const MISSED_BEATS = 5
/**
 * So long after this process has joined, or has its connection again, it cannot tell yet which others live, in milliseconds.
 * They answer its first beat at once.
 */
export const SETTLE_MS = 2_000
/** So many processes that have ended are remembered. */
const MAX_ENDED = 256

/** `BEAT`: I live. `JOINED`: I live, and know nobody yet. `LEFT`: I am gone. `LEAVES`: I live, and hand over what I have. */
const BEAT = 0
const JOINED = 1
const LEFT = 2
const LEAVES = 3

export interface MembersHost {
  publish(topic: string, data: Uint8Array): void
  readonly clockwork: Clockwork
  readonly hub: string
  readonly topic: string
  /** A process is dead or has left, or nobody can be heard any more. */
  gone(hub: string): void
  failed(error: unknown): void
}

/** The processes that live, as this one hears. Each tells it of itself once in a second. */
export class Members implements Alarm {
  slot: Slot | undefined
  readonly #host: MembersHost
  /** How many beats were missed in a row, by hub. */
  readonly #missed = new Map<string, number>()
  /** Processes that have ended, the last ones at the end. */
  readonly #ended = new Set<string>()
  /** Those that hand over what they have. */
  readonly #leaving = new Set<string>()
  /** What this process says of itself. */
  #word = BEAT
  /** From when on a hub that was not heard of counts as dead. Infinity: nobody can be heard. */
  #settledAt = Infinity
  /** Those who wait for a verdict. */
  readonly #waiting = new Set<Waiting>()
  readonly #encoder = new Encoder()
  readonly #decoder = new Decoder()
  #isOpen = true
  /** Whether this process has ever been heard by the others. */
  hasJoined = false

  constructor(host: MembersHost) {
    this.#host = host
  }

  /** The other living hubs. */
  get hubs(): IterableIterator<string> {
    return this.#missed.keys()
  }

  lives(hub: string): boolean {
    return this.#missed.has(hub)
  }

  /** Whether this hub was one of the others, and has ended. */
  hasEnded(hub: string): boolean {
    return this.#ended.has(hub)
  }

  /** Whether a living hub hands over what it has. */
  leaves(hub: string): boolean {
    return this.#leaving.has(hub)
  }

  /** Whether this process hands over what it has. */
  get isLeaving(): boolean {
    return this.#word === LEAVES
  }

  /** Tells the others that this process hands over what it has. */
  leave(): void {
    this.#word = LEAVES
    if (this.#isOpen && this.hasJoined) this.#say(LEAVES)
  }

  /** Whether it is known of all processes whether they live. */
  get isSettled(): boolean {
    return this.#host.clockwork.now() >= this.#settledAt
  }

  /**
   * Whether this hub lives; undefined if that cannot be told now. Waits for its answer for a moment if this process has only
   * just joined the others.
   */
  judge(hub: string): boolean | undefined | PromiseLike<boolean | undefined> {
    if (this.lives(hub)) return true
    if (this.isSettled) return false
    if (this.#settledAt === Infinity) return undefined
    return new Promise((resolve) => {
      const { clockwork } = this.#host
      const waiting = new Waiting(hub, () => {
        this.#waiting.delete(waiting)
        clockwork.clear(waiting)
        resolve(this.lives(hub) || (this.isSettled ? false : undefined))
      })
      this.#waiting.add(waiting)
      clockwork.set(waiting, this.#settledAt)
    })
  }

  /** This process can be heard by the others, and hears them; or not any more. */
  connected(isConnected: boolean): void {
    if (!this.#isOpen) return
    const { clockwork } = this.#host
    if (!isConnected) {
      this.#settledAt = Infinity
      for (const waiting of [...this.#waiting]) waiting.ring()
      return
    }
    this.hasJoined = true
    this.#settledAt = clockwork.now() + SETTLE_MS
    this.#say(JOINED)
    clockwork.set(this, clockwork.now() + BEAT_MS)
  }

  /** Takes what was published for all processes. */
  take(data: Uint8Array): void {
    try {
      const [what, hub] = this.#decoder.decode(data) as [number, string] // another process wrote it
      if (hub === this.#host.hub || !this.#isOpen) return
      if (what === LEFT) return this.#forget(hub)
      this.seen(hub)
      if (what === LEAVES) this.#leaving.add(hub)
      if (what === JOINED) this.#say(this.#word)
    } catch (error) {
      this.#host.failed(error)
    }
  }

  /** Something came from this hub. */
  seen(hub: string): void {
    const isNew = !this.#missed.has(hub)
    this.#missed.set(hub, 0)
    this.#ended.delete(hub)
    if (isNew) for (const waiting of [...this.#waiting]) if (waiting.hub === hub) waiting.ring()
  }

  /** Once in a second. Beats are counted rather than timed, because this process may have been stopped for a while. */
  ring(): void {
    const { clockwork } = this.#host
    this.#say(this.#word)
    clockwork.set(this, clockwork.now() + BEAT_MS)
    for (const [hub, missed] of this.#missed) {
      if (missed < MISSED_BEATS) this.#missed.set(hub, missed + 1)
      else this.#forget(hub)
    }
  }

  /** Says goodbye. */
  close(): void {
    if (!this.#isOpen) return
    this.#say(LEFT)
    this.#isOpen = false
    this.#settledAt = Infinity
    this.#host.clockwork.clear(this)
    for (const waiting of [...this.#waiting]) waiting.ring()
    this.#missed.clear()
  }

  /** What tells the others that this process has ended. */
  get goodbye(): Uint8Array {
    return this.#encoder.encode([LEFT, this.#host.hub])
  }

  #say(what: number): void {
    const { topic, hub } = this.#host
    this.#host.publish(topic, this.#encoder.encode([what, hub]))
  }

  #forget(hub: string): void {
    this.#leaving.delete(hub)
    if (!this.#missed.delete(hub)) return
    this.#ended.add(hub)
    const [oldest] = this.#ended
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest)
    this.#host.gone(hub)
  }
}

/** Waits for what is told of a hub, until an alarm. */
class Waiting implements Alarm {
  slot: Slot | undefined
  readonly hub: string
  readonly ring: () => void

  constructor(hub: string, ring: () => void) {
    this.hub = hub
    this.ring = ring
  }
}
