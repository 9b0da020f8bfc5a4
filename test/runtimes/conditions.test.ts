import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

type Targets = string | null | { readonly [condition: string]: Targets }

const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  exports: Record<string, Targets>
  browser: Record<string, string>
  "react-native": Record<string, string>
}

/** Resolves an entry with these conditions (Node's documentation, "Conditional exports"). */
function resolve(targets: Targets | undefined, conditions: readonly string[]): string | null | undefined {
  if (typeof targets !== "object" || targets === null) return targets
  for (const [condition, inner] of Object.entries(targets)) {
    if (condition !== "default" && !conditions.includes(condition)) continue
    const found = resolve(inner, conditions)
    if (found !== undefined) return found
  }
  return undefined
}

describe("package.json", () => {
  it.each([
    ["Node", ["node"], "node"],
    ["vitest, in whatever environment", ["node"], "node"],
    ["Jest 29 with jsdom", ["browser"], "native"],
    ["a bundler for browsers", ["module", "browser", "production"], "native"],
    ["Next, for its server", ["node", "module"], "node"],
    ["Next, for the edge", ["edge-light", "worker"], "native"],
    ["wrangler", ["workerd", "worker", "browser"], "native"],
    ["Deno", ["deno", "node"], "native"],
    ["Bun", ["bun", "node"], "bun"],
    ["Metro", ["react-native"], "native"],
    ["a resolver that knows no runtime", [], "native"],
  ])("gives %s the right platform, by import and by require", (_, conditions, platform) => {
    const targets = manifest.exports["./platform"]
    const folder = conditions.includes("production") ? "dist/production" : "dist"
    expect(resolve(targets, ["import", ...conditions])).toBe(`./${folder}/platform/${platform}.js`)
    expect(resolve(targets, ["require", ...conditions])).toBe(`./${folder}/platform/${platform}.cjs`)
  })

  it.each([["node"], ["browser"], ["react-native"], ["workerd"], ["bun", "node"]])(
    "has a file of the production build for every entry, with the same name, when %s asks for it",
    (...conditions) => {
      for (const [path, targets] of Object.entries(manifest.exports)) {
        if (path.endsWith(".json")) continue
        for (const format of ["import", "require"]) {
          const ordinary = resolve(targets, [format, ...conditions])
          const production = resolve(targets, [format, ...conditions, "production"])
          expect(production, path).toBe(ordinary?.replace("./dist/", "./dist/production/") ?? null)
          expect(resolve(targets, [format, ...conditions, "development"]), path).toBe(ordinary)
        }
      }
    },
  )

  it.each(["browser", "react-native"] as const)(
    "names every entry that runs outside Node in its field `%s`, for resolvers without support for `exports`",
    (field) => {
      const entries = Object.entries(manifest.exports).filter(
        ([path, targets]) =>
          path !== "." && !path.endsWith(".json") && resolve(targets, ["browser", "import"]) !== null,
      )
      const kind = field === "browser" ? "import" : "require"
      expect(manifest[field]).toEqual(
        Object.fromEntries(entries.map(([path, targets]) => [path, resolve(targets, [kind, "react-native"])])),
      )
    },
  )
})
