import { existsSync, readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parseDocument } from "yaml"
import { steps } from "../../scripts/test-steps.mjs"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

const read = (path: string): string => readFileSync(root + path, "utf8")

describe("docs/glossary.md", () => {
  const words = readDocument("docs/glossary.md").tables.flatMap(({ rows }) => rows.map((row) => cell(row, "word")))
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => read(`src/${file}`))
  const written = [...sources, read("docs/protocol.md")]

  it("explains each word once", () => {
    expect(words.length).toBeGreaterThan(80)
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([])
  })

  it.each(words)("explains %s, which the code or the protocol uses", (word) => {
    // The word itself, or as a part of a name: `highWaterBytes`, `HIGH_WATER_BYTES`, `high-water`.
    const [first = "", ...rest] = word.replaceAll("-", " ").split(" ")
    const start = first.replace(/^./, (letter) => `(?:(?<![a-z])${letter}|${letter.toUpperCase()})`)
    const parts = [start, ...rest.map((part) => part.replace(/^./, (letter) => `[${letter}${letter.toUpperCase()}]`))]
    const capitals = [first, ...rest].join("_").toUpperCase()
    expect(written.some((text) => new RegExp(`${parts.join("[ -]?")}|${capitals}`).test(text))).toBe(true)
  })
})

describe("CONTRIBUTING.md", () => {
  it("names the steps of npm test in their order, each a script of package.json", () => {
    const rows = tableUnder(readDocument("CONTRIBUTING.md"), "Commands", "command", "what it does").rows
    const named = rows.slice(0, steps.length).map((row) => cell(row, "command"))
    expect(named).toEqual(steps.map(({ script, args = [] }) => [`npm run ${script}`, ...args].join(" ")))
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
    expect(steps.filter(({ script }) => !(script in scripts))).toEqual([])
    expect(scripts["test"]).toBe("node scripts/test.mjs")
  })

  it("says the truth of what may run beside each other: no step waits for one that comes later", () => {
    for (const [index, { after = [] }] of steps.entries()) {
      expect(steps.slice(0, index).map(({ script }) => script)).toEqual(expect.arrayContaining([...after]))
    }
  })
})

describe("test/README.md", () => {
  it("has a row for each folder of tests, and no other", () => {
    const rows = tableUnder(readDocument("test/README.md"), "The tests", "folder", "what it shows", "time").rows
    const folders = readdirSync(`${root}test`, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(rows.map((row) => cell(row, "folder"))).toEqual(folders.map(({ name }) => name).sort())
    for (const row of rows) expect(cell(row, "time")).toMatch(/^(?:none|virtual|real|(?:none|virtual) and real)$/)
  })
})

describe("the files of an open project", () => {
  const workflows = readdirSync(`${root}.github`, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".yml"),
  )

  it.each(workflows)(".github/%s is YAML", (file) => {
    const { errors, warnings } = parseDocument(read(`.github/${file}`))
    expect([...errors, ...warnings]).toEqual([])
  })

  it("has CI on every supported Node, on three systems, with scripts that exist", () => {
    const workflow = parseDocument(read(".github/workflows/ci.yml")).toJS() as {
      jobs: Record<string, { strategy?: { matrix: unknown }; steps: { run?: string }[] }>
    }
    expect(workflow.jobs["versions"]?.strategy?.matrix).toEqual({
      os: ["ubuntu-latest", "macos-latest", "windows-latest"],
      node: [20, 22, 24, 26],
    })
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> }
    const named = Object.values(workflow.jobs).flatMap(({ steps }) =>
      steps.flatMap(({ run = "" }) => /^npm run (\S+)$/.exec(run)?.[1] ?? []),
    )
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  it("marks each placeholder of the README where it stands", () => {
    const placeholders = tableUnder(readDocument("README.md"), "Placeholders", "placeholder", "where").rows
    for (const row of placeholders) {
      const files = [...(row["where"] ?? "").replaceAll("`", "").split(", ")]
      for (const file of files) expect(existsSync(root + file) && read(file), file).toContain(cell(row, "placeholder"))
    }
    expect(placeholders.length).toBeGreaterThan(1)
  })
})
