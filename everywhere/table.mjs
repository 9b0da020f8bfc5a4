// @ts-check
// Writes the tables of docs/runtimes.md.

import { readFileSync, writeFileSync } from "node:fs"

/** The text of a cell for each good outcome. Any other outcome is printed as it is. */
const WORDS = new Map([
  ["ok", "✓"],
  ["absent", "not there"],
])
/** The text of a cell whose transport was not tried with this version of the row. */
export const NOT_RUN = "not run"
const HEADS = { clients: "client", servers: "server", sockets: "library" }

/**
 * Writes what was found. A row that was not chosen keeps the line that the document has of it, with the day on which it
 * ran; without a line of this version it says that it has not run.
 *
 * @param {string} file
 * @param {{ title: string, version: string, kind: "clients" | "servers" | "sockets" }[]} rows
 * @param {Map<object, Map<string, string>>} results By row and transport. A chosen row that lacks a transport has not
 * run.
 * @param {string[]} transports
 * @param {string[]} proofs Columns of servers beside their transports.
 * @param {string} tried When, and with which state of the package.
 * @param {Partial<Record<"clients" | "servers" | "sockets", string>>} kinds The heading of each table that the document has.
 */
export function writeTables(
  file,
  rows,
  results,
  transports,
  proofs,
  tried,
  kinds = { clients: "Clients", servers: "Servers" },
) {
  let text = readFileSync(file, "utf8")
  for (const [kind, heading] of Object.entries(kinds)) {
    const from = text.indexOf("\n| ", text.indexOf(`\n## ${heading}\n`))
    const end = text.indexOf("\n\n", from)
    const before = linesOf(text.slice(from, end))
    const columns = kind === "servers" ? [...transports, ...proofs] : transports
    const lines = rows
      .filter((row) => row.kind === kind)
      .map((row) => {
        const cells = results.get(row)
        const kept = before.find(([title, version]) => title === row.title && version === row.version)
        if (cells === undefined && kept !== undefined) return kept
        const words = columns.map((column) => wordOf(cells?.get(column)))
        return [row.title, row.version, ...words, cells?.size ? tried : ""]
      })
    const table = tableOf([HEADS[/** @type {keyof HEADS} */ (kind)], "version", ...columns, "tried"], lines)
    text = text.slice(0, from) + table + text.slice(end)
  }
  writeFileSync(file, text)
}

/** @param {string} [outcome] */
function wordOf(outcome = NOT_RUN) {
  return WORDS.get(outcome) ?? outcome.replaceAll("|", "/")
}

/**
 * The cells of each line of a table.
 *
 * @param {string} table
 */
function linesOf(table) {
  return table.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
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
