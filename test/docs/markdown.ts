import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The root folder of the repository. */
export const root = fileURLToPath(new URL("../../", import.meta.url))

/** A fenced block of a document. */
export interface Block {
  /** Its place, as in `docs/protocol.md:12`. */
  readonly at: string
  readonly language: string
  /** The words after the language: `run`, `name=value`. */
  readonly marks: readonly string[]
  readonly text: string
}

/** A table of a document: its column titles, and its rows by column title. */
export interface Table {
  readonly at: string
  /** The nearest heading above it. */
  readonly heading: string
  readonly columns: readonly string[]
  readonly rows: readonly Readonly<Record<string, string>>[]
}

export interface Document {
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  readonly tables: readonly Table[]
  /** The text outside fenced blocks, for finding links and names. */
  readonly prose: string
}

/** Reads one document by its path from the root of the repository. */
export function readDocument(path: string): Document {
  const text = readFileSync(root + path, "utf8")
  const blocks: Block[] = []
  const tables: Table[] = []
  const prose: string[] = []
  let heading = ""
  const lines = text.split("\n")
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? ""
    const at = `${path}:${i + 1}`
    if (line.startsWith("```")) {
      const end = lines.indexOf("```", i + 1)
      if (end < 0) throw new Error(`${at}: a fence that is never closed`)
      const [language = "", ...marks] = line.slice(3).split(" ")
      blocks.push({ at, language, marks, text: lines.slice(i + 1, end).join("\n") })
      i = end
      continue
    }
    prose.push(line)
    if (line.startsWith("#")) heading = line.replace(/^#+ /, "")
    if (!line.startsWith("|")) continue
    const end = lines.findIndex((later, index) => index > i && !later.startsWith("|"))
    tables.push({ at, heading, ...readTable(lines.slice(i, end < 0 ? undefined : end)) })
    prose.push(...lines.slice(i + 1, end < 0 ? undefined : end))
    i = (end < 0 ? lines.length : end) - 1
  }
  return { path, text, blocks, tables, prose: prose.join("\n") }
}

const TOP = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]

/** The pages in the root folder, the index of the tests, and everything in `docs`. */
export function readDocuments(): Document[] {
  const docs = readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`)
  return [...TOP, "test/README.md", ...docs.sort()].map(readDocument)
}

/** Returns the table with these first columns under this heading. */
export function tableUnder(document: Document, heading: string, ...columns: readonly string[]): Table {
  const table = document.tables.find(
    (candidate) =>
      candidate.heading === heading && columns.every((column, index) => candidate.columns[index] === column),
  )
  if (table === undefined) throw new Error(`${document.path} has no table ${columns.join(" | ")} under "${heading}"`)
  return table
}

/** Returns one cell of a row; throws where the table has no such column. */
export function cell(row: Table["rows"][number] | undefined, column: string): string {
  const text = row?.[column]
  if (text === undefined) throw new Error(`a row without "${column}"`)
  return text
}

function readTable([head = "", , ...rest]: readonly string[]): Pick<Table, "columns" | "rows"> {
  const columns = cells(head)
  const rows = rest.map((line) => {
    const values = cells(line)
    return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ""]))
  })
  return { columns, rows }
}

function cells(line: string): string[] {
  return (
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((text) => text.trim().replaceAll("\\|", "|"))
      // A cell that is only code is read without its backticks.
      .map((text) => /^`([^`]*)`$/.exec(text)?.[1] ?? text)
  )
}
