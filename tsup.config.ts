import { defineConfig } from "tsup"

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
})
