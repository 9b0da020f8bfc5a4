import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** What a mode runs, and where tests find the package that they import by its public names. */
const MODES = {
  test: { include: ["test/**/*.test.ts"], exclude: ["test/long/**", "test/production/**"], built: undefined },
  long: { include: ["test/long/**/*.test.ts"], exclude: [], built: undefined },
  // What is said to the public names alone, so that it holds for every build.
  production: {
    include: ["test/{laws,journeys,simulation}/**/*.test.ts", "test/production/**"],
    exclude: [],
    built: "dist/production",
  },
}

/**
 * `vitest run` is the suite; `vitest run --mode long` is what takes minutes, in `test/long`; `vitest run --mode production` is
 * the laws, the journeys and the simulations on the production build.
 */
export default defineConfig(({ mode }) => {
  const { include, exclude, built } = MODES[mode as keyof typeof MODES] ?? MODES.test
  return {
    resolve: {
      conditions: ["everwire-source"],
      // Tests import the public names and get the sources, as tsconfig.json's `paths` say.
      alias: built
        ? [
            { find: /^everwire$/, replacement: path(`${built}/index.js`) },
            { find: /^everwire\/platform$/, replacement: path(`${built}/platform/node.js`) },
            {
              find: /^everwire\/(core|server|node|contract|diagnostics|msgpack|streams|redis|nats|testing)$/,
              replacement: path(`${built}/$1.js`),
            },
          ]
        : [
            { find: /^everwire$/, replacement: path("src/index.ts") },
            {
              find: /^everwire\/(core|server|node|contract|diagnostics|msgpack|streams|redis|nats|testing)$/,
              replacement: path("src/$1.ts"),
            },
          ],
    },
    ssr: { resolve: { conditions: ["everwire-source", "node", "import", "module", "default"] } },
    test: {
      include,
      exclude,
      pool: "forks",
      // Half of the time tests wait for sockets, so two run at once on two cores as well.
      maxWorkers: Math.max(2, availableParallelism() - 1),
      testTimeout: mode === "long" ? 600_000 : 30_000,
      hookTimeout: 30_000,
    },
  }
})
