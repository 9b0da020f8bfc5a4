import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

it("docs/socket.md names tests that exist", () => {
  const { rows } = tableUnder(readDocument("docs/socket.md"), "The standard", "web platform tests", "test here")
  const tests = readFileSync(`${root}test/socket/standard.test.ts`, "utf8")
  expect(rows.length).toBeGreaterThan(20)
  expect(rows.map((row) => cell(row, "test here")).filter((title) => !tests.includes(title))).toEqual([])
})
