// @ts-check
// The transformations of the production build: numbers in place of sentences, and short names for properties that only
// the library uses.

import { readFileSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import { entries, publicEntries } from "../entries.mjs"
import { shortenedNames, sourcesOf } from "./names.mjs"
import { numbered, sentencesOf } from "./sentences.mjs"

const root = fileURLToPath(new URL("../../", import.meta.url))
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Needs the type declarations that the development build has written to `dist`. */
export function production() {
  const client = sourcesOf(["src/index.ts", "src/core.ts"])
  const sentences = sentencesOf(client)
  const names = shortenedNames(
    client,
    Object.values(entries),
    Object.keys(publicEntries).map((entry) => `dist/${entry}.d.ts`),
  )
  /** @type {import("esbuild").Plugin} */
  const plugin = {
    name: "sentences",
    setup: (build) =>
      build.onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, ({ path }) => ({
        contents: numbered(readFileSync(path, "utf8"), relative(root, path).replaceAll("\\", "/"), sentences),
        loader: "ts",
      })),
  }
  return {
    names,
    sentences,
    plugin,
    /** @satisfies {import("esbuild").BuildOptions} */
    options: {
      define: { NUMBERED: "true" },
      minifySyntax: true,
      mangleProps: new RegExp(`^(?:${names.join("|")})$`),
      // A name has the same short form in all entries and formats, because one entry may be given an object of another.
      mangleCache: Object.fromEntries(names.map((name, index) => [name, shortForm(index)])),
    },
  }
}

/** @param {number} index */
function shortForm(index) {
  return (LETTERS[Math.floor(index / LETTERS.length) - 1] ?? "") + LETTERS[index % LETTERS.length]
}
