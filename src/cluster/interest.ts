import { callSafely } from "../session/call-safely.ts"
import type { Alarm, Clockwork, Slot } from "../session/clockwork.ts"
import type { Backplane } from "./backplane.ts"

/** A room without members is heard for so long after its last member left, in milliseconds, in case one comes back. */
const LINGER_MS = 1_000
/** A room that may have a member in a moment is heard for so long, in milliseconds. */
const EXPECTED_MS = 10_000
/** How long this process waits before it subscribes again, in milliseconds, when the store did not confirm. */
const RETRY_MS = 1_000

export interface InterestHost {
  readonly backplane: Pick<Backplane, "subscribe">
  readonly clockwork: Clockwork
  topicOf(room: string): string
  /** Something was published for a room. */
  hear(data: Uint8Array): void
  failed(error: unknown): void
}

/** One room that this process hears, or is about to. */
class HeardRoom implements Alarm {
  slot: Slot | undefined
  readonly ring: () => void
  /** Whether it has members. */
  isOccupied = true
  /** Ends the subscription. Undefined while the store has not confirmed it. */
  end: (() => void) | undefined
  /** Those who wait for the subscription. */
  waiting: (() => void)[] = []

  constructor(ring: (room: HeardRoom) => void) {
    this.ring = () => ring(this)
  }
}

/** Subscribes to the rooms that have members in this process. */
export class Interest {
  readonly #host: InterestHost
  readonly #rooms = new Map<string, HeardRoom>()
  #isOpen = true

  constructor(host: InterestHost) {
    this.#host = host
  }

  occupied(room: string): void {
    const heard = this.#rooms.get(room)
    if (heard === undefined) {
      if (this.#isOpen) this.#begin(room)
      return
    }
    heard.isOccupied = true
    if (heard.end !== undefined) this.#host.clockwork.clear(heard)
  }

  vacated(room: string): void {
    const heard = this.#rooms.get(room)
    if (heard === undefined) return
    heard.isOccupied = false
    const { clockwork } = this.#host
    // An alarm that is set already is that of a subscription to be tried again.
    if (heard.slot === undefined) clockwork.set(heard, clockwork.now() + LINGER_MS)
  }

  /** The room may have a member in a moment. Resolves when it is heard. */
  expect(room: string): Promise<void> {
    if (this.#rooms.get(room)?.isOccupied !== true) {
      this.occupied(room)
      const heard = this.#rooms.get(room)
      if (heard === undefined) return Promise.resolve()
      heard.isOccupied = false
      this.#host.clockwork.set(heard, this.#host.clockwork.now() + EXPECTED_MS)
    }
    return this.ready(room)
  }

  /** Resolves when the room is heard; at once if it is not to be heard. */
  ready(room: string): Promise<void> {
    const heard = this.#rooms.get(room)
    if (heard === undefined || heard.end !== undefined) return Promise.resolve()
    return new Promise((resolve) => heard.waiting.push(resolve))
  }

  close(): void {
    this.#isOpen = false
    for (const [room, heard] of this.#rooms) this.#forget(room, heard)
  }

  #begin(room: string): void {
    const heard = new HeardRoom(() => this.#ring(room, heard))
    this.#rooms.set(room, heard)
    this.#subscribe(room, heard)
  }

  #subscribe(room: string, heard: HeardRoom): void {
    const { backplane, clockwork, topicOf, hear, failed } = this.#host
    callSafely(
      () => backplane.subscribe(topicOf(room), hear),
      (error) => {
        if (this.#rooms.get(room) !== heard) return
        failed(error)
        clockwork.set(heard, clockwork.now() + RETRY_MS)
      },
      (end) => {
        heard.end = end as () => void // what `subscribe` resolves with
        if (this.#rooms.get(room) !== heard) return heard.end()
        for (const tell of heard.waiting.splice(0)) tell()
      },
    )
  }

  #ring(room: string, heard: HeardRoom): void {
    if (!heard.isOccupied) this.#forget(room, heard)
    else if (heard.end === undefined) this.#subscribe(room, heard)
  }

  #forget(room: string, heard: HeardRoom): void {
    this.#rooms.delete(room)
    this.#host.clockwork.clear(heard)
    heard.end?.()
    for (const tell of heard.waiting.splice(0)) tell()
  }
}
