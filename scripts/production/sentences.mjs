// @ts-check
// The sentences of errors and closings. The production build replaces each by a number and writes a page that lists
// them.

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = fileURLToPath(new URL("../../", import.meta.url))

/** The functions and constructors that take a sentence, and the index of that argument. */
const TAKERS = new Map([
  ["closing", 1],
  ["EverwireError", 1],
  ["protocolError", 0],
])

/**
 * @typedef {{ number: number, file: string, start: number, end: number, code: string, words: string, values: string[]
 * }} Sentence
 */

/**
 * Every sentence of these files, in order. Numbers begin at 1, and equal sentences share a number. Only text written in
 * the call is a sentence; text in a variable, which comes from the platform or the network, is not.
 *
 * @param {readonly string[]} files From the root of the project.
 * @returns {Sentence[]}
 */
export function sentencesOf(files) {
  /** @type {Map<string, number>} */
  const numbers = new Map()
  return files.flatMap((file) => {
    /** @type {Sentence[]} */
    const found = []
    const source = ts.createSourceFile(file, readFileSync(root + file, "utf8"), ts.ScriptTarget.Latest, true)
    const visit = (/** @type {ts.Node} */ node) => {
      if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
        const at = TAKERS.get(node.expression.getText())
        const words = at === undefined ? undefined : node.arguments?.[at]
        if (words && isSentence(words)) {
          const [first] = node.arguments ?? []
          const code = at === 0 ? "protocol-error" : first && ts.isStringLiteral(first) ? first.text : "any"
          const text = textOf(words)
          const number = numbers.get(`${code} ${text}`) ?? numbers.size + 1
          numbers.set(`${code} ${text}`, number)
          const values = valuesOf(code, words)
          found.push({ number, file, start: words.getStart(), end: words.end, code, words: text, values })
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return found
  })
}

/**
 * The file with each sentence replaced by its number, or by a list of the number and the sentence's values. Lines keep
 * their line numbers.
 *
 * @param {string} text
 * @param {string} file
 * @param {readonly Sentence[]} sentences
 */
export function numbered(text, file, sentences) {
  let short = text
  for (const sentence of [...sentences].reverse()) {
    if (sentence.file !== file) continue
    const lines = text.slice(sentence.start, sentence.end).split("\n").length
    const { number, values } = sentence
    const given = values.length > 0 ? `[${[number, ...values]}]` : number
    short = `${short.slice(0, sentence.start)}${given}${"\n".repeat(lines - 1)}${short.slice(sentence.end)}`
  }
  return short
}

/**
 * The page that lists the sentence of each number.
 *
 * @param {readonly Sentence[]} sentences
 */
export function pageOf(sentences) {
  const cell = (/** @type {string} */ text) => text.replaceAll("|", "\\|")
  return [
    "# Sentences of the production build",
    "",
    "The production build says a code and a number where the development build says a sentence. The numbers hold for this",
    "version of the package alone. Where braces follow a dollar sign, the sentence names what stands in them; so do numbers of",
    "what is no misuse, behind commas.",
    "",
    "| number | code | sentence | source |",
    "| -----: | ---- | -------- | ------ |",
    ...sentences
      .filter(({ number }, index) => sentences.findIndex((other) => other.number === number) === index)
      .map(({ number, code, words, file }) => `| ${number} | \`${code}\` | ${cell(words)} | ${file} |`),
    "",
  ].join("\n")
}

/** @param {ts.Node} node */
function isSentence(node) {
  return ts.isTemplateExpression(node) || (ts.isStringLiteralLike(node) && node.text !== "")
}

/**
 * The values in a sentence, which follow its number. A misuse has none, because the caller knows what it passed.
 *
 * @param {string} code
 * @param {ts.Node} words
 */
function valuesOf(code, words) {
  if (code === "misuse" || !ts.isTemplateExpression(words)) return []
  return words.templateSpans.map(({ expression }) => expression.getText().replaceAll(/\s+/g, " "))
}

/** @param {ts.Node} node */
function textOf(node) {
  return ts.isStringLiteralLike(node) ? node.text : node.getText().slice(1, -1).replaceAll(/\s+/g, " ")
}
