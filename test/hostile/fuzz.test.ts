import { afterEach, expect, it } from "vitest"
import { disposeAll } from "../support/hub-server.ts"
import { fuzz, SURFACES } from "./fuzz.ts"

afterEach(disposeAll)

it("inputs that nobody wrote are answered, each of them, and leave nothing", async () => {
  const outcomes = await fuzz(600, 1)
  // Each surface was reached, and more than one thing came of it.
  for (const surface of SURFACES) {
    expect([...outcomes.keys()].filter((outcome) => outcome.startsWith(surface)).length).toBeGreaterThan(1)
  }
})
