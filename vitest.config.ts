import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { compile } from "svelte/compiler"
import { defineConfig, type Plugin } from "vitest/config"

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

/** What a mode runs, and where tests find the package that they import by its public names. */
const MODES = {
  test: { include: ["test/**/*.test.ts"], exclude: ["test/long/**", "test/production/**"], built: undefined },
  long: {
    include: [
      "test/long/**/*.test.ts",
      // The same with many times as much random input.
      "test/model/*.model.test.ts",
      "test/simulation/simulation.test.ts",
    ],
    exclude: [],
    built: undefined,
  },
  // What is said to the public names alone, so that it holds for every build.
  production: {
    include: ["test/{laws,journeys,simulation}/**/*.test.ts", "test/production/**"],
    exclude: [],
    built: "dist/production",
  },
}

/**
 * Tests that need a process of their own: they measure memory, record which functions run, start browsers or replace
 * Node's sockets. All others share processes, because in most files the import of the sources takes longer than the tests.
 */
const OWN_PROCESS = [
  "test/{bindings,browser,cost,http,msw,siege}/**/*.test.ts",
  "test/docs/architecture.test.ts",
  "test/docs/programs.test.ts",
]

/** They run after all others, because they load the machine and wait for real time. Each file has a process. */
const JOURNEYS = "test/journeys/**/*.test.ts"

/** Eight pages of a browser have to connect within seconds, so nothing else runs then. */
const ALONE = "test/browser/tabs.test.ts"

/** Frameworks with one build for pages and one for servers: these tests get the one for pages. */
const PAGES = ["test/bindings/{solid,svelte}.test.ts"]
const PAGE = ["everwire-source", "browser", "development", "import", "module", "default"]

/** Compiles the components of the tests as Svelte's own plugin would. */
const compiledSvelte: Plugin = {
  name: "compiled-svelte",
  transform: (code, id) =>
    id.endsWith(".svelte") ? compile(code, { filename: id, generate: "client" }).js : undefined,
}

/**
 * `vitest run` is the suite; `vitest run --mode long` is what takes minutes: `test/long`, and random input in masses; `vitest run --mode production` is
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
              find: /^everwire\/((?!platform$)[a-z-]+)$/,
              replacement: path(`${built}/$1.js`),
            },
          ]
        : [
            { find: /^everwire$/, replacement: path("src/index.ts") },
            {
              find: /^everwire\/((?!platform$)[a-z-]+)$/,
              replacement: path("src/$1.ts"),
            },
          ],
    },
    ssr: { resolve: { conditions: ["everwire-source", "node", "import", "module", "default"] } },
    test: {
      pool: "forks",
      // Half of the time tests wait for sockets, so two run at once on two cores as well.
      maxWorkers: Math.max(2, availableParallelism() - 1),
      testTimeout: mode === "long" ? 600_000 : 60_000,
      hookTimeout: 60_000,
      env: { EVERWIRE_TEST_MODE: mode },
      // A project adds to the lists that stand outside of it, so these have none beside them.
      ...(mode === "test"
        ? {
            projects: [
              {
                extends: true,
                test: {
                  name: "shared",
                  isolate: false,
                  include,
                  exclude: [...exclude, ...OWN_PROCESS, ...PAGES, JOURNEYS, ALONE],
                },
              },
              { extends: true, test: { name: "own", include: OWN_PROCESS, exclude: [...PAGES, ALONE] } },
              {
                extends: true,
                plugins: [compiledSvelte],
                resolve: { conditions: PAGE },
                ssr: { resolve: { conditions: PAGE } },
                test: {
                  name: "page",
                  environment: "jsdom",
                  include: PAGES,
                  server: { deps: { inline: [/solid/, /svelte/] } },
                },
              },
              { extends: true, test: { name: "journeys", include: [JOURNEYS], sequence: { groupOrder: 1 } } },
              { extends: true, test: { name: "alone", include: [ALONE], sequence: { groupOrder: 2 } } },
            ],
          }
        : { include, exclude }),
    },
  }
})
