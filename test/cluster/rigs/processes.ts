import cluster from "node:cluster"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { build } from "esbuild"
import type { Backplane, BackplaneSubject } from "everwire/testing"
import { processes } from "../../../src/cluster/processes/processes.ts"
import { type ServeProcessesOptions, serveProcesses } from "../../../src/cluster/processes/serve.ts"
import { type Cuttable, inFrontOf } from "./cut.ts"
import { passUntil } from "./real-time.ts"
import { RemoteEnds, type Report } from "./remote-end.ts"

const here = fileURLToPath(new URL(".", import.meta.url))

/** Workers of `node:cluster` and threads, of which each can have ends of the backplane. */
export interface Crew {
  readonly agents: readonly RemoteEnds[]
  /** The processes of the first agents. */
  readonly pids: readonly number[]
  fire(): Promise<void>
}

export async function hire(processCount: number, threadCount: number): Promise<Crew> {
  const folder = mkdtempSync(join(tmpdir(), "everwire-agent-"))
  const file = join(folder, "agent.mjs")
  await build({
    entryPoints: [`${here}agent.ts`],
    outfile: file,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  })
  cluster.setupPrimary({ exec: file, serialization: "advanced", silent: false, args: [], execArgv: [] })
  const forked = Array.from({ length: processCount }, () => cluster.fork())
  const threads = Array.from({ length: threadCount }, () => new Worker(file, { execArgv: [] }))
  const starting = [...forked, ...threads].map((agent) => new Promise((resolve) => agent.once("message", resolve)))
  await Promise.all(starting)
  return {
    agents: [
      ...forked.map(
        (worker) =>
          new RemoteEnds({
            send: (order) => void (worker.isConnected() && worker.send(order)),
            onReport: (hear) => void worker.on("message", (report: Report) => hear(report)),
          }),
      ),
      ...threads.map(
        (thread) =>
          new RemoteEnds({
            send: (order) => thread.postMessage(order),
            onReport: (hear) => void thread.on("message", (report: Report) => hear(report)),
          }),
      ),
    ],
    pids: forked.map(({ process: { pid = 0 } }) => pid),
    fire: async () => {
      const exits = forked.map((worker) => worker.isDead() || new Promise((resolve) => worker.once("exit", resolve)))
      for (const worker of forked) worker.process.kill("SIGKILL")
      await Promise.all([...exits, ...threads.map((thread) => thread.terminate())])
      rmSync(folder, { recursive: true })
    },
  }
}

/** Serves the bus and the store here. Returns where. */
export function served(options?: ServeProcessesOptions): { readonly path: string; close(): Promise<void> } {
  const { close } = serveProcesses(options)
  return { path: process.env["EVERWIRE_PROCESSES"] ?? "", close }
}

/** An end in this process, on the given socket. */
export function endAt(path: string, options?: Parameters<typeof processes>[0]): Backplane {
  const before = process.env["EVERWIRE_PROCESSES"]
  process.env["EVERWIRE_PROCESSES"] = path
  try {
    return processes(options)
  } finally {
    if (before === undefined) delete process.env["EVERWIRE_PROCESSES"]
    else process.env["EVERWIRE_PROCESSES"] = before
  }
}

/** The first end is in this process, and so are all without a crew; the others are in the crew's processes and threads. */
export function processesSubject(name: string, crew?: () => Crew): BackplaneSubject {
  return {
    name,
    cuts: true,
    setup: async () => {
      const primary = served()
      const ends = new Map<Backplane, Cuttable>()
      return {
        open: async () => {
          const line = await inFrontOf(primary.path)
          const agent = ends.size > 0 ? crew?.().agents[ends.size - 1] : undefined
          const end = agent ? await agent.open(line.path) : endAt(line.path)
          ends.set(end, line)
          return end
        },
        cut: async (end) => ends.get(end)?.cut(),
        mend: async (end) => ends.get(end)?.mend(),
        passUntil,
        close: async () => {
          for (const [end, line] of ends) {
            await end.close()
            await line.close()
          }
          await primary.close()
        },
      }
    },
  }
}
