import { readdirSync, readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { readDocument, root } from "./markdown.ts"

it("docs/transports.md prints every program of examples/message-port, complete and unchanged", () => {
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

it("docs/mounting.md prints the programs that `npm run everywhere` runs, complete and unchanged", () => {
  const printed = readDocument("docs/mounting.md").blocks.flatMap(({ marks, text }) => {
    const path = marks.find((mark) => mark.startsWith("file="))?.slice("file=".length)
    return path === undefined ? [] : [[path, `${text}\n`] as const]
  })
  expect(printed.length).toBeGreaterThan(10)
  for (const [path, text] of printed) expect(text, path).toBe(readFileSync(root + path, "utf8"))
  // One print stands for both programs.
  const express = ["express-4", "express-5"].map((row) =>
    readFileSync(`${root}everywhere/servers/${row}/server.mjs`, "utf8"),
  )
  expect(express[0]).toBe(express[1])
})

it("docs/socket.md prints how each library is used, as `npm run everywhere` runs it", () => {
  const printed = readDocument("docs/socket.md").blocks.flatMap(({ marks, text }) => {
    const path = marks.find((mark) => mark.startsWith("file="))?.slice("file=".length)
    return path === undefined ? [] : [[path, `${text}\n`] as const]
  })
  const libraries = readdirSync(`${root}everywhere/sockets`)
  expect(printed.map(([path]) => path).sort()).toEqual(libraries.map((name) => `everywhere/sockets/${name}/lines.mjs`))
  for (const [path, text] of printed) expect(text, path).toBe(readFileSync(root + path, "utf8"))
})
