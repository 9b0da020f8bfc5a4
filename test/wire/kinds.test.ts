// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the lines that are looked at are code
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { isNumbered, isPart, KINDS } from "../../src/wire/kinds.ts"

const letters = KINDS.map(({ letter }) => letter)

describe("the kinds of packets", () => {
  it("have one letter each, and one title", () => {
    for (const letter of letters) expect(letter).toMatch(/^[a-z]$/)
    expect(new Set(letters).size).toBe(KINDS.length)
    expect(new Set(KINDS.map(({ title }) => title)).size).toBe(KINDS.length)
  })

  it("advance the numbers as the table says: a numbered packet by one, and one in parts with its last part", () => {
    const counting = KINDS.filter(({ letter, numbered }) => numbered && !isPart(letter))
    expect(letters.filter(isNumbered)).toEqual(counting.map(({ letter }) => letter))
    expect(KINDS.filter(({ letter }) => isPart(letter)).map(({ title, numbered }) => [title, numbered])).toEqual([
      ["last part", true],
      ["part", false],
    ])
  })

  it.each(["", "z", "mq", "M"])("do not include %j", (kind) => {
    expect([isNumbered(kind), isPart(kind)]).toEqual([false, false])
  })

  it("are written as letters in src/wire/kinds.ts only", () => {
    const source = fileURLToPath(new URL("../../src/", import.meta.url))
    const files = readdirSync(source, { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll("\\", "/"))
      // The laws of transports may send any text and name links at will, because a transport does not look into
      // packets.
      .filter((file) => file.endsWith(".ts") && file !== "wire/kinds.ts" && !file.startsWith("testing/"))
    expect(files.length).toBeGreaterThan(80)
    expect(files.flatMap((file) => lettersIn(file, readFileSync(source + file, "utf8")))).toEqual([])
  })

  it.each([
    'if (kindOf(packet) === "a") hear(packet)',
    "link.send(`n${number}`)",
    "link.send('p0')",
    'const withdrawn = "c0\\t"',
    "const header = `m${name}\\t`",
    "const hello = `h${JSON.stringify(fields)}`",
    'const bye = \'b{"code":"closed"}\'',
    "packet[0] = 0x66",
    "case 'q':",
  ])("are found by this check where a line of code writes one: %s", (line) => {
    expect(lettersIn("a.ts", line)).toHaveLength(1)
  })
})

/** Literals of a file that look like the letter of a kind, alone or at the start of a packet. */
function lettersIn(file: string, code: string): string[] {
  const found: string[] = []
  const kinds = letters.join("")
  const alone = new RegExp(`^[${kinds}]$`)
  const leading = new RegExp(`^[${kinds}](?:\\d|[^\\s'"]*\\t|\\{)`)
  const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true)
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) {
      if (alone.test(node.text) || leading.test(node.text)) found.push(`${file}: ${node.getText()}`)
    } else if (ts.isNumericLiteral(node) && node.getText().startsWith("0x")) {
      if (alone.test(String.fromCharCode(Number(node.text)))) found.push(`${file}: ${node.getText()}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
