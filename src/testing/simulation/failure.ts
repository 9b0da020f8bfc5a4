import type { Move } from "./moves.ts"

/** The error of a checker or a witness: a law of the simulation was broken. */
export class Broken extends Error {
  override readonly name = "Broken"
  /** The law, in a word or two. */
  readonly law: string

  constructor(law: string, what: string) {
    super(`${law}: ${what}`)
    this.law = law
  }
}

/** Lines of the trace that the message shows. */
const SHOWN = 60

/** A simulation has found a fault, which is the `cause`. The message has the seed and the end of the trace. */
export class SimulationFailed extends Error {
  override readonly name = "SimulationFailed"
  /** The seed. `createSimulation({ seed })` with the same options fails in the same way. */
  readonly seed: number
  // Private, because test runners print public fields: that would be thousands of lines.
  readonly #moves: readonly Move[]
  readonly #trace: string

  constructor(seed: number, moves: readonly Move[], trace: string, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause)
    const lines = trace.split("\n").slice(-SHOWN).join("\n")
    super(`seed ${seed}, move ${moves.length}: ${what}\n\nWhat happened last, in milliseconds:\n${lines}\n`, { cause })
    this.seed = seed
    this.#moves = moves
    this.#trace = trace
  }

  /** The moves that were made, up to the one that failed. */
  get moves(): readonly Move[] {
    return this.#moves
  }
  /** The log of the packets that arrived and of the faults, one line each. */
  get trace(): string {
    return this.#trace
  }
}
