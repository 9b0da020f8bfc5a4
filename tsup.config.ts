import { readFileSync } from "node:fs"
import { defineConfig } from "tsup"

/** A number that has a name. */
const NUMBER = /^(export )?const ([A-Z\d_]+) = ([\da-fx_.]+)$/gm

const entries = {
  index: "src/index.ts",
  core: "src/core.ts",
  server: "src/server.ts",
  node: "src/node.ts",
  testing: "src/testing.ts",
}

export default defineConfig({
  entry: {
    ...entries,
    "platform/node": "src/platform/node.ts",
    "platform/native": "src/platform/native.ts",
    "platform/bun": "src/platform/bun.ts",
  },
  format: ["esm", "cjs"],
  // tsup sets `baseUrl`, which TypeScript 6 reports as deprecated.
  dts: { entry: entries, compilerOptions: { ignoreDeprecations: "6.0", stripInternal: true } },
  external: [/^node:/],
  esbuildPlugins: [
    {
      // The output has numbers where the source has their names, which cost a client 0.3 kB. esbuild does so (`minifySyntax`)
      // where nothing but such numbers stands before them, not even an import. So the exported ones are put first, on the
      // first line, and the others are put in their places.
      name: "numbers",
      setup: (build) =>
        build.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
          const exported: string[] = []
          const own = new Map<string, string>()
          const source = readFileSync(path, "utf8").replace(NUMBER, (line, isExported, name, value) => {
            if (isExported) exported.push(line)
            else own.set(name, value)
            return ""
          })
          const contents = source.replace(/\b[A-Z\d_]+\b/g, (name) => own.get(name) ?? name)
          return { contents: [...exported, contents].join(";"), loader: "ts" }
        }),
    },
    {
      // The application's own tools choose the platform, by their conditions. In the output it has the name of an entry: some
      // resolvers (Parcel's, Metro's before 0.82) know nothing of `imports`, and map an entry by the fields of old.
      name: "platform",
      setup: (build) =>
        build.onResolve({ filter: /^#platform$/ }, () => ({ path: "everwire/platform", external: true })),
    },
  ],
  // Deno and the edge runtimes know Node's modules only by their full names.
  removeNodeProtocol: false,
  // What makes CommonJS of the output (sucrase) does not understand constructors that were made shorter.
  esbuildOptions: (options, { format }) => {
    options.minifySyntax = format === "esm"
  },
  // One copy of a class shared by two entries, per format.
  splitting: true,
  sourcemap: true,
  clean: true,
  target: "es2022",
  platform: "neutral",
})
