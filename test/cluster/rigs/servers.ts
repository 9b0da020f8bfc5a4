import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { passUntil } from "./real-time.ts"

type Program = "redis-server" | "nats-server"

const paths = new Map<Program, string>()

function find(program: Program): string {
  const known = paths.get(program)
  if (known !== undefined) return known
  let path = ""
  try {
    // Debian has nats-server where only root looks.
    path = execFileSync("sh", ["-c", `PATH="$PATH:/usr/sbin" command -v ${program}`], { encoding: "utf8" }).trim()
  } catch {}
  paths.set(program, path)
  return path
}

/** Whether the server is installed. */
export function has(program: Program): boolean {
  return find(program) !== ""
}

/** For a suite that is skipped: reports once that there is no server. Where tests must not be skipped, it fails. */
export function miss(program: Program): void {
  if (has(program)) return
  const missing = `no ${program} here (in the PATH or /usr/sbin)`
  if (process.env["CI"] === "true") it(`has a ${program} to run with`, () => expect.fail(missing))
  else console.warn(`${missing}: the suites on it are skipped`)
}

/** A store that runs in a process of its own. */
export interface StoreServer {
  readonly port: number
  /** Stops the process where it stands (SIGSTOP), or lets it go on. */
  pause(): void
  resume(): void
  /** Kills it (SIGKILL). */
  kill(): Promise<void>
  /** Starts it again, on the same port and with the same folder. */
  start(): Promise<void>
  close(): Promise<void>
}

/** @param more further arguments */
export async function startServer(program: Program, more: readonly string[] = []): Promise<StoreServer> {
  const folder = mkdtempSync(join(tmpdir(), `everwire-${program}-`))
  const port = await freePort()
  const args = {
    "redis-server": ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--save", ""],
    "nats-server": ["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder],
  }[program]
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    const dying = child
    child = undefined
    if (dying === undefined || dying.exitCode !== null) return
    const isOver = new Promise((resolve) => dying.once("exit", resolve))
    dying.kill("SIGKILL")
    await isOver
  }
  const server: StoreServer = {
    port,
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    kill,
    start: async () => {
      child = spawn(find(program), [...args, ...more], { stdio: "ignore" })
      let answers = false
      const isUp = await passUntil(() => {
        const socket = connect(port, "127.0.0.1", () => {
          answers = true
          socket.destroy()
        })
        socket.on("error", () => {})
        return answers
      }, 10_000)
      if (!isUp) throw new Error(`${program} does not listen on port ${port}`)
    },
    close: async () => {
      await kill()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0))
    })
  })
}
