import { existsSync, readFileSync } from "node:fs"
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

it("finders are recorded for planted faults alone, and their files exist", () => {
  const finders = JSON.parse(readFileSync(new URL("scripts/bite/finders.json", root), "utf8")) as Record<string, string>
  const ids = new Set(faults.map(({ id }) => id))
  expect(Object.keys(finders).filter((id) => !ids.has(id))).toEqual([])
  const files = new Set(Object.values(finders))
  files.delete("simulator")
  expect([...files].filter((file) => !existsSync(new URL(file, root)))).toEqual([])
})
