/** A callback and the moment at which it is due. `run` is undefined when the timer was cancelled or has run. */
export interface Timer {
  readonly at: number
  /** A running number. Timers that are due at the same moment run in the order in which they were armed. */
  readonly order: number
  run: (() => void) | undefined
}

/** Timers in the order in which they are due, as a binary heap. A cancelled timer is skipped when it comes first. */
export class TimerQueue {
  readonly #heap: Timer[] = []

  push(timer: Timer): void {
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, timer)) break
      heap[index] = above
      index = parent
    }
    heap[index] = timer
  }

  /** Removes and returns the first timer that is not cancelled, if it is due by `until`. */
  takeDue(until: number): Timer | undefined {
    for (;;) {
      const [first] = this.#heap
      if (first === undefined || (first.run !== undefined && first.at > until)) return undefined
      this.#removeFirst()
      if (first.run !== undefined) return first
    }
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      let below = heap[child]
      const right = heap[child + 1]
      if (below !== undefined && right !== undefined && isBefore(right, below)) {
        below = right
        child++
      }
      if (below === undefined || isBefore(last, below)) break
      heap[index] = below
      index = child
    }
    heap[index] = last
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}
