import type { Runtime } from "../../session/runtime.ts"

/** A runtime that knows which of its timers are neither run nor cancelled. */
export class Ledger implements Runtime {
  readonly #runtime: Runtime
  /** Delays of the armed timers, by timer. */
  readonly #armed = new Map<object, number>()
  /** What `report` was given. */
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
