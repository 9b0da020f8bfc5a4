// @ts-check
// Runs the simulator of `everwire/testing` over many seeds, on all cores: `npm run simulate -- --seeds 100000`.
// `--from S` is the first seed (default 1), `--seed S` runs one seed and shows the fewest moves that make it fail,
// `--cluster` makes the hubs processes of one cluster. `--cores N` sets the number of processes of this machine.
// Exits 1 when a law was broken, with the first seed that broke it.

import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { build } from "esbuild"

/** Seeds that a process runs before it reports its progress. */
const CHUNK = 100

/** @typedef {{ message: string, moves: readonly unknown[], cause: { law?: string, message: string } }} Failure */
/**
 * @typedef {{ seeds: number, sessions: number, cpuMs: number, failure?: { seed: number, message: string } }} Progress
 */

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    cores: { type: "string", default: String(availableParallelism()) },
    cluster: { type: "boolean", default: false },
    worker: { type: "string" },
  },
})

/** The options that say what is simulated. */
const mode = values.cluster ? ["--cluster"] : []

if (values.worker === undefined) await lead()
else await work(values.worker)

async function lead() {
  const folder = mkdtempSync(join(tmpdir(), "everwire-simulate-"))
  try {
    const bundle = await bundleSimulator(folder)
    process.exitCode = values.seed === undefined ? await runMany(bundle) : await runOne(bundle, Number(values.seed))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/**
 * @param {string} bundle
 * @param {number} seed
 */
async function runOne(bundle, seed) {
  const createSimulation = await load(bundle)
  const simulation = createSimulation({ seed })
  const { plan } = simulation
  const failure = await failureOf(simulation)
  if (failure === undefined) {
    console.log(JSON.stringify(plan), `\nseed ${seed} breaks no law`)
    return 0
  }
  const { cause, moves } = await shrink((moves) => createSimulation({ seed, plan, moves }), failure)
  const shortest = createSimulation({ seed, plan, moves })
  await failureOf(shortest)
  console.log(`${shortest.trace}\n\nseed ${seed}: ${cause.message}\n`)
  console.log("It takes no more than these moves, to be kept in test/simulation/kept-seeds.ts:")
  console.log(JSON.stringify({ seed, plan, moves }))
  return 1
}

/**
 * @param {{ run(): Promise<unknown> }} simulation
 * @returns {Promise<Failure | undefined>}
 */
async function failureOf(simulation) {
  try {
    await simulation.run()
  } catch (error) {
    return /** @type {Failure} */ (error) // `run` rejects with nothing else
  }
  return undefined
}

/**
 * Removes moves that are not needed to break the same law: halves of the list first, then smaller and smaller parts.
 *
 * @param {(moves: readonly unknown[]) => { run(): Promise<unknown> }} create
 * @param {Failure} failure
 */
async function shrink(create, failure) {
  /** @type {Failure} */
  let shortest = failure
  for (let part = Math.ceil(failure.moves.length / 2); part >= 1; part = part > 1 ? Math.ceil(part / 2) : 0) {
    for (let at = 0; at < shortest.moves.length; ) {
      const fewer = shortest.moves.filter((_, index) => index < at || index >= at + part)
      const found = await failureOf(create(fewer))
      if (found !== undefined && found.cause.law === failure.cause.law) shortest = found
      else at += part
    }
  }
  return shortest
}

/** @param {string} bundle */
async function runMany(bundle) {
  const from = Number(values.from)
  const total = Number(values.seeds)
  const startedAt = performance.now()
  let [seeds, sessions, cpuMs] = [0, 0, 0]
  /** @type {Progress["failure"]} */
  let first
  const tell = () => {
    const perSecond = Math.round((1000 * sessions) / cpuMs)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${seeds} seeds, ${sessions} sessions in ${seconds} s; ${perSecond} sessions per second of a core`)
  }
  const chunks = Array.from({ length: Math.ceil(total / CHUNK) }, (_, index) => ({
    from: from + index * CHUNK,
    seeds: Math.min(CHUNK, total - index * CHUNK),
  }))
  const ticker = setInterval(tell, 10_000)
  const workers = Array.from({ length: Math.min(Number(values.cores), chunks.length) }, () => {
    const worker = fork(fileURLToPath(import.meta.url), ["--worker", bundle, ...mode])
    return new Promise((resolve, reject) => {
      const next = () => {
        // Only seeds below the failure found so far can still be the first one that fails.
        const chunk = chunks.shift()
        if (chunk === undefined || (first !== undefined && chunk.from > first.seed)) worker.disconnect()
        else worker.send(chunk)
      }
      worker.on("message", (/** @type {Progress} */ progress) => {
        seeds += progress.seeds
        sessions += progress.sessions
        cpuMs += progress.cpuMs
        const { failure } = progress
        if (failure !== undefined && (first === undefined || failure.seed < first.seed)) first = failure
        next()
      })
      worker.on("error", reject)
      worker.on("exit", (code) => (code === 0 ? resolve(undefined) : reject(new Error(`a worker ended with ${code}`))))
      next()
    })
  })
  await Promise.all(workers)
  clearInterval(ticker)
  tell()
  if (first === undefined) return 0
  console.log(`\n${first.message}\nAgain: npm run simulate -- ${[...mode, "--seed"].join(" ")} ${first.seed}`)
  return 1
}

/**
 * A worker process: runs the chunks of seeds that it is sent.
 *
 * @param {string} bundle
 */
async function work(bundle) {
  const createSimulation = await load(bundle)
  const runChunk = async (/** @type {{ from: number, seeds: number }} */ { from, seeds }) => {
    const before = process.cpuUsage()
    /** @type {Progress} */
    const progress = { seeds: 0, sessions: 0, cpuMs: 0 }
    try {
      for (; progress.seeds < seeds; progress.seeds++) {
        progress.sessions += (await createSimulation({ seed: from + progress.seeds }).run()).sessions
      }
    } catch (error) {
      progress.failure = {
        seed: from + progress.seeds,
        message: error instanceof Error ? error.message : String(error),
      }
    }
    const { user, system } = process.cpuUsage(before)
    progress.cpuMs = (user + system) / 1000
    process.send?.(progress)
  }
  process.on("message", (/** @type {{ from: number, seeds: number }} */ chunk) => void runChunk(chunk))
}

/**
 * Returns the function that makes a simulation, of hubs that are alone or of a cluster.
 *
 * @param {string} bundle
 * @returns {Promise<(options: object) => any>}
 */
async function load(bundle) {
  const { createSimulation, cluster } = await import(pathToFileURL(bundle).href)
  return (options) => createSimulation(values.cluster ? { ...options, cluster } : options)
}

/**
 * Bundles the sources into one file, so that the package need not be built first.
 *
 * @param {string} folder
 */
async function bundleSimulator(folder) {
  const outfile = join(folder, "testing.mjs")
  await build({
    stdin: {
      contents: `export { createSimulation } from "./testing.ts"; export { cluster } from "./cluster.ts"`,
      resolveDir: fileURLToPath(new URL("../src", import.meta.url)),
    },
    bundle: true,
    outfile,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["everwire-source"],
    sourcemap: "inline",
    // `ws` is CommonJS and loads Node's modules by `require`, which an ES module has to define.
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
    logLevel: "error",
  })
  return outfile
}
