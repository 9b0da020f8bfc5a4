import { writeFileSync } from "node:fs"
import { defineConfig } from "tsup"
import { production } from "./scripts/production/build.mjs"
import { pageOf } from "./scripts/production/sentences.mjs"
import { base } from "./tsup.config.ts"

const { plugin, options, sentences } = production()

/** The build that bundlers take by the condition `production` (decision 0033). It comes second: it needs the types of the first. */
export default defineConfig({
  ...base,
  outDir: "dist/production",
  esbuildPlugins: [...base.esbuildPlugins, plugin],
  esbuildOptions: (given, { format }) => {
    Object.assign(given, options, { define: { ...given.define, ...options.define } })
    // What tsup makes CommonJS with cannot read all of that.
    given.minifySyntax = format === "esm"
  },
  onSuccess: async () => writeFileSync("dist/sentences.md", pageOf(sentences)),
})
