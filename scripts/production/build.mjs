// @ts-check
// What makes a build of the sources the production build: numbers for sentences, and short names for what only the library uses.

import { readFileSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import { entries, publicEntries } from "../entries.mjs"
import { shortenedNames, sourcesOf } from "./names.mjs"
import { numbered, sentencesOf } from "./sentences.mjs"

const root = fileURLToPath(new URL("../../", import.meta.url))
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Needs the declarations that the development build has left in `dist`. */
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
      // One name has one short form in every entry and both formats: what one entry makes, another may be given.
      mangleCache: Object.fromEntries(names.map((name, index) => [name, shortForm(index)])),
    },
  }
}

/** @param {number} index */
function shortForm(index) {
  return (LETTERS[Math.floor(index / LETTERS.length) - 1] ?? "") + LETTERS[index % LETTERS.length]
}
