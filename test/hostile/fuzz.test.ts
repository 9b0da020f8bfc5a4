import { afterEach, expect, it } from "vitest"
import { disposeAll } from "../support/hub-server.ts"
import { fuzz, SURFACES } from "./fuzz.ts"

afterEach(disposeAll)

it("random inputs are each answered, and leave nothing at the hub", async () => {
  const outcomes = await fuzz(600, 1)
  // Each surface was reached, and had more than one kind of outcome.
  for (const surface of SURFACES) {
    expect([...outcomes.keys()].filter((outcome) => outcome.startsWith(surface)).length).toBeGreaterThan(1)
  }
})
