import { afterEach, describe, it } from "vitest"
import { fuzz } from "../hostile/fuzz.ts"
import { disposeAll } from "../support/hub-server.ts"

/** Each run has a hub of its own. */
const RUNS = 20
const INPUTS = 5_000

const firstSeed = Number(process.env["EVERWIRE_SEED"] ?? 101)

afterEach(disposeAll)

describe(`of ${RUNS * INPUTS} inputs that nobody wrote`, () => {
  it.each(Array.from({ length: RUNS }, (_, run) => firstSeed + run))("each is answered, with seed %d", async (seed) => {
    const outcomes = await fuzz(INPUTS, seed)
    console.log(
      [...outcomes]
        .sort()
        .map(([outcome, times]) => `${times} x ${outcome}`)
        .join("\n"),
    )
  })
})
