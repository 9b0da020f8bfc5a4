// @ts-check
// The tables of docs/runtimes.md.

import { readFileSync, writeFileSync } from "node:fs"

/** What a cell says of a good outcome; anything else stands as it is. */
const WORDS = new Map([
  ["ok", "✓"],
  ["absent", "not there"],
])
const TITLES = /** @type {const} */ ({ clients: "Clients", servers: "Servers" })

/**
 * Writes what was found; a row that was not run keeps what the document says of it.
 *
 * @param {string} file
 * @param {{ title: string, version: string, kind: "clients" | "servers" }[]} rows
 * @param {Map<object, Map<string, string>>} results By row and transport.
 * @param {string[]} transports
 */
export function writeTables(file, rows, results, transports) {
  let text = readFileSync(file, "utf8")
  for (const [kind, heading] of Object.entries(TITLES)) {
    const start = text.indexOf(`\n## ${heading}\n`)
    const from = text.indexOf("\n| ", start)
    const end = text.indexOf("\n\n", from)
    const before = text.slice(from, end)
    const lines = rows
      .filter((row) => row.kind === kind)
      .flatMap((row) => {
        const found = results.get(row)
        if (found === undefined) return cellsOf(before, row.title)
        const cells = transports.map((transport) => found.get(transport) ?? "")
        return [[row.title, row.version, ...cells.map((cell) => WORDS.get(cell) ?? cell.replaceAll("|", "/"))]]
      })
    text =
      text.slice(0, from) +
      tableOf([kind === "clients" ? "client" : "server", "version", ...transports], lines) +
      text.slice(end)
  }
  writeFileSync(file, text)
}

/**
 * The line of a table that begins so, if there is one.
 *
 * @param {string} table
 * @param {string} title
 */
function cellsOf(table, title) {
  const cells = table.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  return cells.filter(([first]) => first === title)
}

/**
 * @param {string[]} head
 * @param {string[][]} lines
 */
function tableOf(head, lines) {
  const widths = head.map((title, at) =>
    Math.max(...[title, ...lines.map((line) => line[at] ?? "")].map(({ length }) => length)),
  )
  const write = (/** @type {string[]} */ cells) =>
    `\n| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`
  return write(head) + write(widths.map((width) => "-".repeat(width))) + lines.map(write).join("")
}
