import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { NOT_RUN, writeTables } from "../../everywhere/table.mjs"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

const transports = ["websocket", "sse", "long-poll", "short-poll"]

describe.each([
  ["clients", "docs/runtimes.md", "Clients", "client"],
  ["servers", "docs/runtimes.md", "Servers", "server"],
  ["sockets", "docs/socket.md", "Libraries", "library"],
])("the table of %s in %s", (folder, page, heading, column) => {
  const { rows } = tableUnder(readDocument(page), heading, column, "version")

  it("has each row of `npm run everywhere`, with the version that is installed now, and no other", () => {
    const wanted = readdirSync(`${root}everywhere/${folder}`).map((id) => {
      const { everywhere, dependencies } = JSON.parse(
        readFileSync(`${root}everywhere/${folder}/${id}/package.json`, "utf8"),
      ) as { everywhere: { title: string }; dependencies: Record<string, string> }
      // A row that installs nothing runs on the Node that runs this test.
      const [version = expect.any(String)] = Object.values(dependencies)
      return [everywhere.title.replaceAll("`", ""), version]
    })
    expect(rows.map((row) => [cell(row, column).replaceAll("`", ""), cell(row, "version")])).toEqual(wanted)
  })

  it("says of each row when it ran, or in each cell that it has not", () => {
    for (const row of rows) {
      const tried = cell(row, "tried")
      if (tried === "") expect(transports.map((transport) => cell(row, transport))).toEqual(Array(4).fill(NOT_RUN))
      else expect(tried, cell(row, column)).toMatch(/^\d{4}-\d\d-\d\d, [0-9a-f]{7,}\+?$/)
    }
  })
})

describe("the table that `npm run everywhere` writes", () => {
  const folder = mkdtempSync(join(tmpdir(), "everwire-tables-"))
  const file = join(folder, "runtimes.md")
  afterAll(() => rmSync(folder, { recursive: true }))

  const head = ["", "## Clients", "", "| client | version | one | two | tried |", "| - | - | - | - | - |"]
  const servers = ["", "## Servers", "", "| server | version | one | two | tried |", "| - | - | - | - | - |", "", ""]
  const deno = { title: "Deno", version: "2", kind: "clients" } as const
  const bun = { title: "Bun", version: "1", kind: "clients" } as const

  function write(lines: string[], results: [object, [string, string][]][]): string[] {
    writeFileSync(file, [...head, ...lines, ...servers].join("\n"))
    const found = new Map(results.map(([row, cells]) => [row, new Map(cells)]))
    writeTables(file, [bun, deno], found, ["one", "two"], [], "today")
    const text = readFileSync(file, "utf8")
    return text
      .split("\n")
      .filter((line) => /^\| (Bun|Deno)/.test(line))
      .map((line) => line.replaceAll(/ +/g, " "))
  }

  it("keeps the line of a row that was not chosen, with the day on which it ran", () => {
    const cells: [string, string][] = [
      ["one", "ok"],
      ["two", "absent"],
    ]
    expect(write(["| Bun | 1 | ✓ | ✓ | yesterday |"], [[deno, cells]])).toEqual([
      "| Bun | 1 | ✓ | ✓ | yesterday |",
      "| Deno | 2 | ✓ | not there | today |",
    ])
  })

  it("keeps nothing of another version", () => {
    expect(write(["| Bun | 0 | ✓ | ✓ | yesterday |", "| Deno | 2 | ✓ | ✓ | yesterday |"], [])).toEqual([
      `| Bun | 1 | ${NOT_RUN} | ${NOT_RUN} | |`,
      "| Deno | 2 | ✓ | ✓ | yesterday |",
    ])
  })

  it("says that a chosen row has not run, until it has", () => {
    expect(write(["| Bun | 1 | ✓ | ✓ | yesterday |"], [[bun, []]])[0]).toBe(`| Bun | 1 | ${NOT_RUN} | ${NOT_RUN} | |`)
    expect(write(["| Bun | 1 | ✓ | ✓ | yesterday |"], [[bun, [["two", "hub first: a | b"]]]])[0]).toBe(
      `| Bun | 1 | ${NOT_RUN} | hub first: a / b | today |`,
    )
  })
})
