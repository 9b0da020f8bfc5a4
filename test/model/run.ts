import type { Network } from "everwire/testing"
import type { Parameters } from "fast-check"
import { isLong } from "../support/mode.ts"

/** How many lines of the trace a failure shows. */
const SHOWN = 80

/** The model's time limit is below that of vitest, because otherwise the seed of a failure is not printed. */
const LIMIT_MS = isLong ? 1_800_000 : 100_000
const LIMITS = { interruptAfterTimeLimit: LIMIT_MS, markInterruptAsFailure: true }

/** The time limit of vitest for such a test. */
export const TIMEOUT_MS = LIMIT_MS + 20_000

/** `npm test` runs the same histories every time, so that only a change of the code can make it fail. */
const SEED = 1

/** In `npm run test:long`, the number of histories for each one of `npm test`. */
const MANY = 40

/**
 * The parameters of fast-check: how many histories it makes, and from which seed. `npm test` runs `few` from a fixed
 * seed, `npm run test:long` forty times as many from a random one. A failure names its seed and its path.
 * `HISTORIES=100000 npx vitest run test/model` sets the number.
 */
export function histories(few: number): Parameters<object> {
  const numRuns = Number(process.env["HISTORIES"] ?? (isLong ? few * MANY : few))
  return { numRuns, ...(!isLong && { seed: SEED }), ...LIMITS }
}

/** Runs a history. When it fails, the error shows the last lines of the network's trace. */
export function traced(network: Network, run: () => void): void {
  try {
    run()
  } catch (error) {
    const trace = network.trace.split("\n").slice(-SHOWN).join("\n")
    const what = error instanceof Error ? error.message : String(error)
    throw new Error(`${what}\n\nWhat last crossed the network:\n${trace}\n`, { cause: error })
  }
}
