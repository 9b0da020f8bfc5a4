import type { Runtime } from "../session/runtime.ts"

/** Who is subscribed to what in one process. */
export class Topics {
  readonly #runtime: Pick<Runtime, "report">
  readonly #hearers = new Map<string, Set<(data: Uint8Array) => void>>()

  constructor(runtime: Pick<Runtime, "report">) {
    this.#runtime = runtime
  }

  /** All topics with a subscriber. */
  get names(): readonly string[] {
    return [...this.#hearers.keys()]
  }

  has(topic: string): boolean {
    return this.#hearers.has(topic)
  }

  /** @returns whether the topic had no subscriber before. */
  add(topic: string, hearer: (data: Uint8Array) => void): boolean {
    const hearers = this.#hearers.get(topic)
    if (hearers === undefined) this.#hearers.set(topic, new Set([hearer]))
    else hearers.add(hearer)
    return hearers === undefined
  }

  /** @returns whether this was the topic's last subscriber. */
  remove(topic: string, hearer: (data: Uint8Array) => void): boolean {
    const hearers = this.#hearers.get(topic)
    if (hearers?.delete(hearer) !== true || hearers.size > 0) return false
    return this.#hearers.delete(topic)
  }

  clear(): void {
    // The sets, too: a message may be on its way through one of them.
    for (const hearers of this.#hearers.values()) hearers.clear()
    this.#hearers.clear()
  }

  hear(topic: string, data: Uint8Array): void {
    const hearers = this.#hearers.get(topic)
    // A copy, so that a subscription that begins in `hear` does not hear this message. One that ends there does not either.
    for (const hear of [...(hearers ?? [])]) {
      try {
        if (hearers?.has(hear)) hear(data)
      } catch (error) {
        this.#runtime.report(error)
      }
    }
  }
}
