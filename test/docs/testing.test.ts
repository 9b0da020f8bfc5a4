import { readdirSync, readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

it("docs/testing.md lists every law that a simulation watches, and no other", () => {
  const folder = `${root}src/testing/simulation/`
  const sources = readdirSync(folder).map((name) => readFileSync(folder + name, "utf8"))
  const watched = sources.flatMap((source) => [...source.matchAll(/new Broken\(\s*"([^"]+)"/g)].map(([, law]) => law))
  const table = tableUnder(readDocument("docs/testing.md"), "What a simulation watches", "law", "what holds")
  expect(new Set(table.rows.map((row) => cell(row, "law")))).toEqual(new Set(watched))
})
