import { explanations } from "everwire"
import { expect, it } from "vitest"
import { cell, readDocument } from "./markdown.ts"

const { tables } = readDocument("docs/errors.md")
const rows = tables.flatMap((table) => table.rows).filter((row) => row["code"] !== undefined)

it("docs/errors.md explains every code once, in the words of the code, and no other", () => {
  const written = rows.map((row): [string, string] => [cell(row, "code"), cell(row, "meaning")])
  expect(Object.fromEntries(written)).toEqual(explanations)
  expect(written).toHaveLength(Object.keys(explanations).length)
})

it.each(rows.map((row) => cell(row, "code")))("docs/errors.md says what to do about %s", (code) => {
  const row = rows.find((candidate) => candidate["code"] === code)
  expect(cell(row, "what to do")).toMatch(/\w.*\.$/)
})
