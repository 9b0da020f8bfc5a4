/**
 * The source of time, random numbers and ids, and the last place for errors that no listener takes. It is passed
 * to `createChannel` and `createHub`, never installed globally, so ten virtual clocks can run in one test.
 */
export interface Runtime {
  /**
   * Milliseconds since the epoch, monotonic: it reads the wall clock once at its start and is never set afterwards.
   * After the machine slept it may have jumped ahead or stood still. Deadlines are checked against it, not by timers
   * alone.
   */
  now(): number
  /** Runs `run` once, `delayMs` milliseconds from now or later. Returns its canceller. */
  after(delayMs: number, run: () => void): () => void
  /** Runs `run` at the end of the tick: after the current call stack and before any timer. */
  soon(run: () => void): void
  /**
   * Runs `run` when the input that has arrived by now was handled, that of all sockets: `setImmediate` of Node. Default:
   * `soon`.
   */
  turn?(run: () => void): void
  /** Returns a random number in [0, 1). It spreads retries in time and is never used for secrets. */
  random(): number
  /** Returns an unguessable string with at least 128 bits from a cryptographic source. */
  id(): string
  /** Receives an error that no listener of the application took. */
  report(error: unknown): void
  /** Receives a warning for the operator: nothing failed, but something looks wrong. Default `console.warn`. */
  warn?(message: string): void
}
