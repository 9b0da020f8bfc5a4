import type { Network } from "everwire/testing"

/** How many lines of the trace a failure shows. */
const SHOWN = 80

/** The model's time limit is below that of vitest, because otherwise the seed of a failure is not printed. */
export const LIMITS = { interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true, timeoutMs: 120_000 } as const

/** The number of histories: what fits into `npm test`, or more by `HISTORIES=100000 npx vitest run test/model`. */
export function histories(normally: number): number {
  return Number(process.env["HISTORIES"] ?? normally)
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
