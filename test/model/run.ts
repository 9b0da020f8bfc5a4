import type { Network } from "everwire/testing"

/** How many lines of the trace a failure shows. */
const SHOWN = 80

/** A model must end before vitest gives up on it: otherwise the seed of what it found is not printed. */
export const LIMITS = { interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true, timeoutMs: 120_000 } as const

/** How many histories are lived through: as many as `npm test` has time for, or `HISTORIES=100000 npx vitest run test/model`. */
export function histories(normally: number): number {
  return Number(process.env["HISTORIES"] ?? normally)
}

/** Runs a history; when it fails, shows what last crossed the network. */
export function traced(network: Network, run: () => void): void {
  try {
    run()
  } catch (error) {
    const trace = network.trace.split("\n").slice(-SHOWN).join("\n")
    const what = error instanceof Error ? error.message : String(error)
    throw new Error(`${what}\n\nWhat last crossed the network:\n${trace}\n`, { cause: error })
  }
}
