import { readdirSync, readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { readDocument, root } from "./markdown.ts"

it("docs/transports.md prints every program of examples/message-port, whole and as it is", () => {
  const printed = new Map<string, string>()
  for (const { marks, text } of readDocument("docs/transports.md").blocks) {
    const name = marks.find((mark) => mark.startsWith("file="))?.slice("file=".length)
    if (name === undefined) continue
    const before = printed.get(name)
    printed.set(name, before === undefined ? `${text}\n` : `${before}\n${text}\n`)
  }
  const folder = `${root}examples/message-port/`
  const programs = readdirSync(folder).filter((name) => name.endsWith(".mjs"))
  expect(Object.fromEntries(printed)).toEqual(
    Object.fromEntries(programs.map((name) => [name, readFileSync(folder + name, "utf8")])),
  )
})
