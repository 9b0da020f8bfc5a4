import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { type Document, readDocuments, root } from "./markdown.ts"

const documents = readDocuments()

/** The anchors of a document's headings, made from their words. */
function anchors({ prose }: Document): string[] {
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-"),
  )
}

describe.each(documents)("the references in $path", (document) => {
  it("exist, down to the heading", () => {
    const missing = [...document.prose.matchAll(/\]\(([^)]+)\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !target.startsWith("https://"))
      .filter((target) => {
        const [file = "", anchor] = target.split("#")
        const path = file === "" ? document.path : join(dirname(document.path), file)
        if (!existsSync(root + path)) return true
        const linked = documents.find((candidate) => candidate.path === path)
        return anchor !== undefined && linked !== undefined && !anchors(linked).includes(anchor)
      })
    expect(missing).toEqual([])
  })

  it("are scripts and files of this repository", () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { scripts: Record<string, string> }
    const named = [...document.text.matchAll(/npm (?:run )?(\S+?)(?=[\s`)])/g)].map(([, script = ""]) => script)
    const own = new Set(["ci", "init", "install", "pack"])
    expect(named.filter((script) => !own.has(script) && !(script in scripts))).toEqual([])
    const files = [...document.text.matchAll(/\b(?:src|test|examples|scripts)\/[\w./-]+\.\w+/g)].map(([file]) => file)
    expect(files.filter((file) => !existsSync(root + file))).toEqual([])
  })

  it("contain no machine's path", () => {
    expect(document.text).not.toMatch(/\/(?:work|home|tmp|root|Users)\//)
  })
})
