import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { faults } from "../../scripts/bite/faults.mjs"

const root = new URL("../../", import.meta.url)

it.each(faults.map((fault) => [fault.id, fault] as const))(
  "the planted fault %s has one place in its file, and changes it",
  (_, { file, find, plant }) => {
    const parts = readFileSync(new URL(file, root), "utf8").split(find)
    expect(parts).toHaveLength(2)
    expect(plant).not.toBe(find)
  },
)

it("no two planted faults have one name", () => {
  expect(new Set(faults.map(({ id }) => id)).size).toBe(faults.length)
})
