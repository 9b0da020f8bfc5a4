import type { Runtime } from "../../session/runtime.ts"

/** A runtime that records which of its timers have neither run nor been cancelled. */
export class Ledger implements Runtime {
  readonly #runtime: Runtime
  /** The delay of each armed timer, in milliseconds. */
  readonly #armed = new Map<object, number>()
  /** The errors that were given to `report`. */
  readonly reported: unknown[] = []

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** One line for each timer that is still armed. */
  get timers(): readonly string[] {
    return Array.from(this.#armed.values(), (delayMs) => `a timer of ${delayMs} ms`)
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = {}
    this.#armed.set(timer, delayMs)
    const cancel = this.#runtime.after(delayMs, () => {
      this.#armed.delete(timer)
      run()
    })
    return () => {
      this.#armed.delete(timer)
      cancel()
    }
  }

  now(): number {
    return this.#runtime.now()
  }
  soon(run: () => void): void {
    this.#runtime.soon(run)
  }
  random(): number {
    return this.#runtime.random()
  }
  id(): string {
    return this.#runtime.id()
  }
  report(error: unknown): void {
    this.reported.push(error)
  }
}
