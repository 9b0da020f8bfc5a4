import type { Runtime } from "../session/runtime.ts"

/** Whether a backplane is connected, and who wants to know. */
export class ConnectionState {
  readonly #runtime: Pick<Runtime, "report">
  readonly #listeners = new Set<(isConnected: boolean) => void>()
  #isConnected = true

  constructor(runtime: Pick<Runtime, "report">) {
    this.#runtime = runtime
  }

  get isConnected(): boolean {
    return this.#isConnected
  }

  listen(listener: (isConnected: boolean) => void): () => void {
    // Of its own, so that the same function can be given twice.
    const tell = (isConnected: boolean): void => listener(isConnected)
    this.#listeners.add(tell)
    return () => void this.#listeners.delete(tell)
  }

  /** Tells the listeners, if this is a change. */
  set(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return
    this.#isConnected = isConnected
    for (const tell of [...this.#listeners]) {
      try {
        tell(isConnected)
      } catch (error) {
        this.#runtime.report(error)
      }
    }
  }

  close(): void {
    this.#listeners.clear()
  }
}
