import type { Move } from "./moves.ts"

/** A law of the simulation was broken. */
export class Broken extends Error {
  override readonly name = "Broken"
  /** The law, in a word or two. */
  readonly law: string

  constructor(law: string, what: string) {
    super(`${law}: ${what}`)
    this.law = law
  }
}

/** How many lines of the trace and how many moves the message shows. */
const SHOWN = 60

/** A simulation found a fault. The message holds the seed and the end of the trace. */
export class SimulationFailed extends Error {
  override readonly name = "SimulationFailed"
  /** `createSimulation({ seed })` fails in the same way again. */
  readonly seed: number
  // Not fields, or every runner would print thousands of lines beside the message.
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

  /** What was done until it failed. */
  get moves(): readonly Move[] {
    return this.#moves
  }
  /** What crossed the network and what happened, line by line. */
  get trace(): string {
    return this.#trace
  }
}
