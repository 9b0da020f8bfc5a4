import { readdirSync, readFileSync } from "node:fs"
import { createDuo } from "everwire/testing"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { HUB_OBSERVER } from "../../src/server/observer.ts"
import { cell, readDocument, root, tableUnder } from "./markdown.ts"

const document = readDocument("docs/observability.md")

/** The words in backticks of a text. */
const codes = (text: string): string[] => [...text.matchAll(/`?([\w:-]+)`?/g)].map(([, code = ""]) => code)

const events = tableUnder(document, "Events of a hub", "event").rows
const published = tableUnder(document, "Diagnostics channels", "published as").rows

/** The checker, and the types of a file of `src` by their names. */
function typesOf(path: string): (name: string) => ts.Type {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const program = ts.createProgram([`${root}${path}`], options)
  checker = program.getTypeChecker()
  const source = program.getSourceFile(`${root}${path}`)
  return (name) => {
    const declared = source?.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === name)
    if (declared === undefined) throw new Error(`${path} has no interface ${name}`)
    return checker.getTypeAtLocation(declared)
  }
}
let checker: ts.TypeChecker

const fieldsOf = (type: ts.Type): string[] => type.getProperties().map(({ name }) => name)

describe("docs/observability.md", () => {
  it("names every event of an observer, and no other", () => {
    const named = events.map((row) => cell(row, "event"))
    expect([...named, "aroundRequest"].sort()).toEqual(Object.keys(HUB_OBSERVER).sort())
  })

  it("names every diagnostics channel of the code, and no other", () => {
    const sources = readdirSync(`${root}src/observe`).map((name) => readFileSync(`${root}src/observe/${name}`, "utf8"))
    const made = sources.flatMap((source) => [...source.matchAll(/channel\("([^"]+)"\)/g)].map(([, name = ""]) => name))
    const traced = made.filter((name) => name.startsWith("tracing:"))
    expect(made.filter((name) => !traced.includes(name)).sort()).toEqual(
      [...events, ...published].map((row) => cell(row, "published as")).sort(),
    )
    const steps =
      /`tracingChannel\("everwire:hub:request"\)` has it: ([^;]*), one object/.exec(document.text)?.[1] ?? ""
    expect(traced.map((name) => name.replace("tracing:everwire:hub:request:", "")).sort()).toEqual(
      [...steps.matchAll(/`(\w+)`/g)].map(([, step]) => step).sort(),
    )
  })

  it("has the fields of each event of a hub, as its type has them", { timeout: 60_000 }, () => {
    const typeOf = typesOf("src/server/observer.ts")
    const observer = typeOf("HubObserver")
    for (const row of events) {
      const member = observer.getProperty(cell(row, "event"))
      const [signature] = member ? checker.getNonNullableType(checker.getTypeOfSymbol(member)).getCallSignatures() : []
      const [event] = signature?.getParameters() ?? []
      if (event === undefined) throw new Error(`${cell(row, "event")} has no event`)
      const fields = fieldsOf(checker.getTypeOfSymbol(event))
      expect([cell(row, "event"), ["hub", ...codes(cell(row, "fields"))].sort()]).toEqual([
        cell(row, "event"),
        fields.sort(),
      ])
    }
  })

  it("has the fields of each event of a channel, as its type has them", { timeout: 60_000 }, () => {
    const typeOf = typesOf("src/observe/channel-diagnostics.ts")
    for (const row of published) {
      const name = cell(row, "published as").replace("everwire:channel:", "")
      const fields = fieldsOf(typeOf(`Channel${name[0]?.toUpperCase()}${name.slice(1)}`))
      expect([name, codes(cell(row, "fields")).sort()]).toEqual([name, fields.sort()])
    }
  })

  it("has every field of the stats, and no other", async () => {
    const { hub, channel } = await createDuo()
    for (const [heading, stats] of [
      ["hub.stats()", hub.stats()],
      ["channel.stats()", channel.stats()],
    ] as const) {
      const { rows } = tableUnder(document, heading, "field")
      expect(rows.map((row) => cell(row, "field")).sort()).toEqual(Object.keys(stats).sort())
    }
  })

  it("calls a counter what never falls, and a gauge what is a number otherwise", async () => {
    const { hub, channel } = await createDuo()
    for (const [heading, stats] of [
      ["hub.stats()", hub.stats()],
      ["channel.stats()", channel.stats()],
    ] as const) {
      for (const row of tableUnder(document, heading, "field").rows) {
        const value = stats[cell(row, "field") as keyof typeof stats] as unknown
        const kind = cell(row, "kind")
        const isNumber = typeof value === "number"
        expect([cell(row, "field"), /^(?:counter|gauge)$/.test(kind)]).toEqual([cell(row, "field"), isNumber])
        if (/ per /.test(kind))
          expect(Object.values(value as object).every((one) => typeof one === "number")).toBe(true)
      }
    }
  })
})
