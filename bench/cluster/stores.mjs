import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"

/** How each server is started. Redis writes nothing to the disk, unless `isDurable`: no figure but that of the journal needs it. */
const ARGUMENTS = {
  redis: ({ port, folder, isDurable }) => {
    const written = isDurable ? ["--appendonly", "yes"] : ["--appendonly", "no"]
    return ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...written]
  },
  nats: ({ port, folder }) => ["-a", "127.0.0.1", "-p", port, "-js", "-sd", folder],
}

/** Starts `redis-server` or `nats-server` on a free port, for one case alone. */
export async function startStore(kind, isDurable = false) {
  const folder = mkdtempSync(join(tmpdir(), "everwire-bench-"))
  const port = String(await freePort())
  const child = spawn(programOf(`${kind}-server`), ARGUMENTS[kind]({ port, folder, isDurable }), { stdio: "ignore" })
  process.once("exit", () => {
    child.kill("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  })
  for (let n = 0; !(await answers(port)); n++) {
    if (n > 100) throw new Error(`${kind}-server does not listen`)
    await pause(50)
  }
  return { port, cpu: () => cpuOf(child.pid) }
}

/**
 * CPU time of a process that is not ours, in microseconds, from what Linux counts for its scheduler. (The times of
 * /proc/<pid>/stat are hundredths of a second.)
 */
function cpuOf(pid) {
  const tasks = `/proc/${pid}/task`
  let nanos = 0
  for (const task of readdirSync(tasks))
    nanos += Number(readFileSync(`${tasks}/${task}/schedstat`, "utf8").split(" ")[0])
  return nanos / 1_000
}

function programOf(name) {
  // Debian has nats-server where only root looks.
  return execFileSync("sh", ["-c", `PATH="$PATH:/usr/sbin" command -v ${name}`], { encoding: "utf8" }).trim()
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(Number(port), "127.0.0.1", () => resolve(true) ?? socket.destroy())
    socket.on("error", () => resolve(false))
  })
}
