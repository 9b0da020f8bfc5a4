import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (file: string): string => fileURLToPath(new URL(`./src/${file}.ts`, import.meta.url))

/** `vitest run` is the suite; `vitest run --mode long` is what takes minutes, in `test/long`. */
export default defineConfig(({ mode }) => ({
  resolve: {
    conditions: ["everwire-source"],
    // Tests import the public names and get the sources, as tsconfig.json's `paths` say.
    alias: [
      { find: /^everwire$/, replacement: source("index") },
      { find: /^everwire\/(core|server|node|testing)$/, replacement: source("$1") },
    ],
  },
  ssr: { resolve: { conditions: ["everwire-source", "node", "import", "module", "default"] } },
  test: {
    include: mode === "long" ? ["test/long/**/*.test.ts"] : ["test/**/*.test.ts"],
    exclude: mode === "long" ? [] : ["test/long/**"],
    pool: "forks",
    // Half of the time tests wait for sockets, so two run at once on two cores as well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: mode === "long" ? 600_000 : 30_000,
    hookTimeout: 30_000,
  },
}))
