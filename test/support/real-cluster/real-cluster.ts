import cluster, { type Worker } from "node:cluster"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { type Cuttable, inFrontOf } from "../../cluster/rigs/cut.ts"
import { served } from "../../cluster/rigs/processes.ts"
import { type StoreServer, startServer } from "../../cluster/rigs/servers.ts"
import { type RoundRobin, startRoundRobin } from "../round-robin.ts"
import { Journal } from "./journal.ts"
import type { Done, Order, ProcessStats, Setup, Store, Told } from "./orders.ts"

export const stores: readonly Store[] = ["processes", "redis", "nats"]

const here = fileURLToPath(new URL(".", import.meta.url))

/** What a test says, without the number by which the answer is found. */
type Asked = Order extends infer Each ? (Each extends Order ? Omit<Each, "id"> : never) : never

/** One process of a real cluster. */
class RealProcess {
  readonly name: string
  /** Between this process and the store. */
  readonly line: Cuttable
  readonly #worker: Worker
  readonly #asked = new Map<number, (done: Done) => void>()
  #asks = 0
  port = 0
  /** Resolves when it listens, closes or has ended. */
  readonly listens: Promise<void>
  readonly closes: Promise<void>
  readonly ends: Promise<void>

  constructor(setup: Setup, line: Cuttable, failed: (text: string) => void) {
    this.name = setup.name
    this.line = line
    this.#worker = cluster.fork({ EVERWIRE_SETUP: JSON.stringify(setup), EVERWIRE_PROCESSES: line.path })
    this.#worker.on("error", () => {}) // a message to a process that has just been killed
    this.ends = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        for (const answer of this.#asked.values()) answer({ done: 0 })
        resolve()
      })
    })
    let resolveListens = (): void => {}
    let resolveCloses = (): void => {}
    this.listens = new Promise((resolve) => {
      resolveListens = resolve
    })
    this.closes = new Promise((resolve) => {
      resolveCloses = resolve
    })
    this.#worker.on("message", (told: Told) => {
      if ("port" in told) {
        this.port = told.port
        resolveListens()
      } else if ("closed" in told) resolveCloses()
      else if ("failure" in told) failed(told.failure)
      else this.#asked.get(told.done)?.(told)
    })
  }

  /** Asks the process to do something, and resolves when it has answered or has ended. */
  ask(asked: Asked): Promise<ProcessStats | undefined> {
    const id = ++this.#asks
    return new Promise((resolve) => {
      this.#asked.set(id, ({ stats }) => {
        this.#asked.delete(id)
        resolve(stats)
      })
      if (this.#worker.isConnected() && !this.#worker.isDead()) this.#worker.send({ ...asked, id })
      else this.#asked.get(id)?.({ done: id })
    })
  }

  /** Closes its hub and ends it. */
  async close(drainMs: number): Promise<void> {
    void this.ask({ drainMs })
    await this.closes
    await this.ends
  }

  signal(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    this.#worker.process.kill(signal)
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL")
    await this.ends
    await this.line.close()
  }
}

/** Hubs in processes of their own, joined by a real store, behind a proxy that gives each request to the next one. */
export interface RealCluster {
  readonly store: Store
  /** The server of the store. Undefined for `processes()`, which has it in this process. */
  readonly server: StoreServer | undefined
  readonly balancer: RoundRobin
  readonly journal: Journal
  /** What the hubs gave to `onError`. */
  readonly failures: string[]
  /** By their place at the balancer. */
  readonly processes: RealProcess[]
  /** Starts another process in this place. */
  start(index: number): Promise<RealProcess>
  close(): Promise<void>
}

interface RealClusterOptions {
  readonly store: Store
  readonly count: number
  /** How many messages each peer is sent in a second. Default 200. */
  readonly perSecond?: number
  readonly maxSessions?: number
  /** Whether sessions are kept in the store. Default false. */
  readonly isDurable?: boolean
  /** Further arguments of the store's server. */
  readonly serverArgs?: readonly string[]
}

/** Starts one. All of it is on this machine, at free ports. */
export async function startRealCluster(options: RealClusterOptions): Promise<RealCluster> {
  const { store, count, perSecond = 200, maxSessions = 1_000, isDurable = false, serverArgs } = options
  const folder = mkdtempSync(join(tmpdir(), "everwire-cluster-"))
  const program = join(folder, "process.mjs")
  await build({
    entryPoints: [`${here}process.ts`],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    conditions: ["everwire-source"],
    // Packages that are CommonJS call `require` for Node's modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  })
  cluster.setupPrimary({ exec: program, serialization: "json", silent: false, args: [], execArgv: [] })
  const primary = store === "processes" ? served() : undefined
  const server = store === "processes" ? undefined : await startServer(`${store}-server`, serverArgs)
  const journal = new Journal(join(folder, "journal"))
  const failures: string[] = []
  let started = 0
  const run = async (): Promise<RealProcess> => {
    const line = await inFrontOf(primary?.path ?? server?.port ?? 0)
    const setup = {
      name: `p${++started}`,
      store,
      port: line.port,
      journal: journal.path,
      perSecond,
      maxSessions,
      isDurable,
    }
    const process = new RealProcess(setup, line, (text) => failures.push(text))
    await process.listens
    return process
  }
  const processes = await Promise.all(Array.from({ length: count }, run))
  const balancer = await startRoundRobin(processes.map(({ port }) => port))
  return {
    store,
    server,
    balancer,
    journal,
    failures,
    processes,
    async start(index) {
      const process = await run()
      processes[index] = process
      balancer.bringBack(index, process.port)
      return process
    },
    async close() {
      await balancer.close()
      for (const process of processes) await process.kill()
      await primary?.close()
      await server?.close()
      journal.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
