/** A callback and the moment it is due. Without `run` it has been cancelled or has run. */
export interface Timer {
  readonly at: number
  /** Counts timers, so that two of one moment run in the order they were armed. */
  readonly order: number
  run: (() => void) | undefined
}

/** Timers by due moment: a binary heap. A cancelled timer stays until its moment comes and is then skipped. */
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

  /** Takes the first timer out, if it is due by then. */
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
