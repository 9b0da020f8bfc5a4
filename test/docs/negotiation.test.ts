import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

const document = readDocument("docs/negotiation.md")

/** The strings of a union type, read from the source, because types do not exist at run time. */
function unionOf(file: string, field: string): string[] {
  const source = readFileSync(`${root}src/client/${file}.ts`, "utf8")
  const unions = [...source.matchAll(new RegExp(`readonly ${field}: ((?:"[\\w-]+"(?: \\| )?)+)`, "g"))]
  return unions.flatMap(([, union = ""]) => [...union.matchAll(/"([\w-]+)"/g)].map(([, name = ""]) => name))
}

describe("docs/negotiation.md names", () => {
  it.each([
    {
      what: "every phase of the connector",
      file: "connect/climbing",
      field: "phase",
      heading: "Phases",
      column: "phase",
    },
    { what: "every standing of a rung", file: "explain", field: "standing", heading: "explain()", column: "standing" },
    { what: "every kind of incident", file: "connect/incident", field: "what", heading: "explain()", column: "what" },
  ])("$what", ({ file, field, heading, column }) => {
    const names = unionOf(file, field)
    expect(names.length).toBeGreaterThan(5)
    const { rows } = tableUnder(document, heading, column)
    expect(rows.map((row) => cell(row, column)).sort()).toEqual(names.sort())
  })
})
