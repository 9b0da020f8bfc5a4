import type { Session } from "../../session/session.ts"
import { EverwireError } from "../../wire/errors.ts"

/** A promise that waits for an ack. */
interface Waiting {
  /** Whether the awaited ack has come. */
  isDone(): boolean
  resolve(): void
  reject(error: EverwireError): void
}

/** Promises of a session that an ack resolves: when there is room again, or when all packets have arrived. */
export class AckWaits {
  readonly #owner: { readonly session: Session }
  #waiting: Waiting[] = []

  constructor(owner: { readonly session: Session }) {
    this.#owner = owner
  }

  /** Resolves when there is room for more; rejects if the session ends first. */
  room(): Promise<void> {
    const { session } = this.#owner
    // Otherwise a channel acknowledges a few small messages only after some seconds.
    if (!session.hasRoom) session.ask()
    return this.#wait(session, () => session.hasRoom)
  }

  /** Resolves when the channel has acknowledged all packets sent so far; rejects if the session ends first. */
  arrival(): Promise<void> {
    const { session } = this.#owner
    const { last } = session
    if (!session.isSettled(last)) session.ask()
    return this.#wait(session, () => session.isSettled(last))
  }

  acknowledged(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    for (const one of waiting) if (one.isDone()) one.resolve()
    this.#waiting = waiting.filter((one) => !one.isDone())
  }

  /** Rejects all promises, because the session has ended. */
  end(error: () => EverwireError): void {
    for (const waiting of this.#waiting) waiting.reject(error())
    this.#waiting = []
  }

  #wait({ ended }: Session, isDone: () => boolean): Promise<void> {
    if (ended) return Promise.reject(new EverwireError("closed", "the peer is closed"))
    if (isDone()) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ isDone, resolve, reject })
    })
  }
}
