/**
 * Everything that is not a pure function: time, chance and the last resort for errors nobody listens to. It is passed
 * to `createChannel` and `createHub`, never installed globally, so ten virtual clocks can run in one test.
 */
export interface Runtime {
  /**
   * Milliseconds since the epoch as they were when it began to run, and steady from then on: it is not set, as a wall clock
   * is. It may jump ahead, or stand still, when the machine slept. Deadlines are judged by it, not by timers alone.
   */
  now(): number
  /** Runs `run` once, `delayMs` milliseconds from now or later. Returns its canceller. */
  after(delayMs: number, run: () => void): () => void
  /** Runs `run` when the current call stack has ended and before any timer: the end of the tick. */
  soon(run: () => void): void
  /** A number in [0, 1). Spreads retries; never used for secrets. */
  random(): number
  /** An unguessable string of at least 128 bits from a cryptographic source. */
  id(): string
  /** Receives an error that no listener of the application took. */
  report(error: unknown): void
  /** Receives a sentence for whoever runs the program: nothing failed, but something looks wrong. Default `console.warn`. */
  warn?(message: string): void
}
