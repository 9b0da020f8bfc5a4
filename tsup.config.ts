import { defineConfig, type Options } from "tsup"
import { entries, publicEntries } from "./scripts/entries.mjs"

/** What both builds have in common; `tsup.production.config.ts` is the other one. */
export const base = {
  entry: entries,
  format: ["esm", "cjs"],
  external: [/^node:/],
  // The application's own tools choose the platform, by their conditions. In the output it has the name of an entry: some
  // resolvers (Parcel's, Metro's before 0.82) know nothing of `imports`, and map an entry by the fields of old.
  esbuildPlugins: [
    {
      name: "platform",
      setup: (build) =>
        build.onResolve({ filter: /^#platform$/ }, () => ({ path: "everwire/platform", external: true })),
    },
  ],
  // Deno and the edge runtimes know Node's modules only by their full names.
  removeNodeProtocol: false,
  // One copy of a class shared by two entries, per format.
  splitting: true,
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
} satisfies Options

export default defineConfig({
  ...base,
  define: { NUMBERED: "false" },
  esbuildOptions: (given, { format }) => {
    given.minifySyntax = format === "esm"
  },
  // tsup sets `baseUrl`, which TypeScript 6 reports as deprecated.
  dts: { entry: publicEntries, compilerOptions: { ignoreDeprecations: "6.0", stripInternal: true } },
})
