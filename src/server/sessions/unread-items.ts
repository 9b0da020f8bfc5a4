import type { Waiting } from "../../messaging/item-reader.ts"
import { type Closing, closingError } from "../../wire/errors.ts"
import type { Keeper } from "./kept-bytes.ts"

/**
 * Memory of the items that a peer has sent and no loop of the application has read yet: the inputs of its requests, and the
 * streams that the hub asked it for. Made for the first item of a peer. It outlives the session, because a loop may go
 * on to read what came before the end.
 */
export class UnreadItems implements Keeper {
  /** For each stream, the memory of the items that arrived last, at least of those that still wait. */
  readonly #sizes = new Map<Waiting, number[]>()
  /** With so many streams, those are forgotten of which all items were read. Doubled, so that a peer cannot make it work hard. */
  #sweepAt = 16

  /** An item has been added to the queue of this stream. `bytes`: its memory. */
  add(stream: Waiting, bytes: number): void {
    const sizes = this.#sizes.get(stream)
    if (sizes === undefined) {
      if (this.#sizes.size >= this.#sweepAt) this.#forgetRead()
      this.#sizes.set(stream, [bytes])
      return
    }
    sizes.push(bytes)
    sizes.splice(0, sizes.length - waitingIn(stream))
  }

  get ownBytes(): number {
    let bytes = 0
    for (const [stream, sizes] of this.#sizes) {
      // Loops read the oldest item first, so those that wait are the last ones.
      for (let at = sizes.length - waitingIn(stream); at < sizes.length; at++) bytes += sizes[at] ?? 0
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
    for (const stream of this.#sizes.keys()) {
      if (waitingIn(stream) === 0) continue
      stream.queue?.splice(0)
      stream(closingError(why))
    }
    this.#sizes.clear()
  }

  /** Forgets the streams of which all items were read. One that goes on is added again with its next item. */
  #forgetRead(): void {
    for (const stream of this.#sizes.keys()) if (waitingIn(stream) === 0) this.#sizes.delete(stream)
    this.#sweepAt = 2 * Math.max(8, this.#sizes.size)
  }
}

function waitingIn({ queue }: Waiting): number {
  return queue?.length ?? 0
}
