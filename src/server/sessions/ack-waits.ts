import type { EverwireError } from "../../wire/errors.ts"

/** Somebody waits for an ack. */
interface Waiting {
  /** Whether that is what was waited for. */
  isDone(): boolean
  resolve(): void
  reject(error: EverwireError): void
}

/** Promises of a session that an ack resolves: one that makes room, or that tells that all has arrived. */
export class AckWaits {
  #waiting: Waiting[] = []

  wait(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isDone, resolve, reject })
    })
  }

  acknowledged(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    for (const one of waiting) if (one.isDone()) one.resolve()
    this.#waiting = waiting.filter((one) => !one.isDone())
  }

  /** The session has ended. */
  end(error: () => EverwireError): void {
    for (const waiting of this.#waiting) waiting.reject(error())
    this.#waiting = []
  }
}
