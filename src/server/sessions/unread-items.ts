import { type Closing, closingError, type EverwireError } from "../../wire/errors.ts"
import type { Keeper } from "./kept-bytes.ts"

/** A loop of the application: over a stream of the peer, the input of a request, or the messages of a name. */
export interface Loop {
  /** Ends the loop. When it has read what waits, it throws the error. */
  (error?: EverwireError): void
  /** What has arrived and waits for the loop. */
  readonly queue?: unknown[]
}

/**
 * Memory of what a peer has sent and no loop of the application has read yet: the inputs of its requests, the streams that
 * the hub asked it for, and messages. All are called items here. Made for the first item of a peer. It outlives the
 * session, because a loop may go on to read what came before the end.
 */
export class UnreadItems implements Keeper {
  /** For each loop, the memory of the items that arrived last, at least of those that still wait. */
  readonly #sizes = new Map<Loop, number[]>()
  /** With so many loops, those are forgotten of which all items were read. Doubled, so that a peer cannot make it work hard. */
  #sweepAt = 16

  /** An item has been added to the queue of this loop. `bytes`: its memory. */
  add(loop: Loop, bytes: number): void {
    const sizes = this.#sizes.get(loop)
    if (sizes === undefined) {
      if (this.#sizes.size >= this.#sweepAt) this.#forgetRead()
      this.#sizes.set(loop, [bytes])
      return
    }
    sizes.push(bytes)
    sizes.splice(0, sizes.length - waitingIn(loop))
  }

  get ownBytes(): number {
    let bytes = 0
    for (const [loop, sizes] of this.#sizes) {
      // Loops read the oldest item first, so those that wait are the last ones.
      for (let at = sizes.length - waitingIn(loop); at < sizes.length; at++) bytes += sizes[at] ?? 0
    }
    return bytes
  }

  lists(): Iterable<never> {
    return []
  }

  /** The items of a peer that has ended count like those of a peer that takes nothing, so they are dropped first. */
  hasTaken(): boolean {
    return false
  }

  /** Drops all items. The loops throw the error of this closing instead of ending as if the items had been all. */
  makeRoom(why: Closing): void {
    for (const loop of this.#sizes.keys()) {
      if (waitingIn(loop) === 0) continue
      loop.queue?.splice(0)
      loop(closingError(why))
    }
    this.#sizes.clear()
  }

  /** Forgets the loops that have read all their items. One that goes on is added again with its next item. */
  #forgetRead(): void {
    for (const loop of this.#sizes.keys()) if (waitingIn(loop) === 0) this.#sizes.delete(loop)
    this.#sweepAt = 2 * Math.max(8, this.#sizes.size)
  }
}

function waitingIn({ queue }: Loop): number {
  return queue?.length ?? 0
}
