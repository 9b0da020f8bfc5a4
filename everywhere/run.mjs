// @ts-check
// `npm run everywhere`: the tarball that would be published, in the runtimes, test runners, bundlers and frameworks of other
// people, each transport alone, closed in each order. Writes the tables of docs/runtimes.md; a row that fails is an exit code.
// And libraries over its sockets, each transport alone, through faults: the table of docs/socket.md.
//
//   npm run everywhere                    all rows
//   npm run everywhere -- --only bun,koa  these rows; the others keep what docs/runtimes.md says of them, and when

import { execFileSync, spawn } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { build, buildSync } from "esbuild"
import { NOT_RUN, writeTables } from "./table.mjs"

/**
 * A row, as `everywhere` in the package.json of its folder describes it.
 *
 * @typedef {{
 *   id: string,
 *   kind: "clients" | "servers" | "sockets",
 *   title: string,
 *   version: string,
 *   prepare?: string,
 *   build?: "production" | "development",
 *   command?: string,
 *   server?: string,
 *   runtime?: string,
 *   env?: Record<string, string>,
 *   absent?: string[],
 *   proofs?: string[],
 *   serve?: string,
 *   orders?: string[],
 * }} Row
 *
 * A server's row with `proofs` is a runtime: "laws" runs its `law.mjs` with proofs/laws.ts, "faults" the flows of proofs/faults.ts.
 * A row with `serve` is a server that its own command runs; it has no end of its own, so it is stopped, and `orders` leaves out
 * that it closes first.
 */

const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"]
/** What befalls the connections below a library's socket: see socket-trial.mjs. */
const FAULTS = ["none", "reset", "silence", "answers lost"]
/** Columns of servers that are runtimes, beside their transports. */
const PROOFS = ["laws", "faults"]
/** Who closes first. */
const ORDERS = ["channel", "hub", "server"]
/** A sentence of the channel's that only the development build has. */
const SENTENCE = "closed by the application"
/** How long a process may go on after its last word, and how long all of a talk may take, in milliseconds. */
const EXIT_MS = 5_000
const TALK_MS = 60_000
/** How long the laws or the faults of all transports may take, in milliseconds. */
const PROOF_MS = 300_000

const here = fileURLToPath(new URL(".", import.meta.url))
const root = fileURLToPath(new URL("..", import.meta.url))

const { only } = parseArgs({ options: { only: { type: "string" } } }).values
const rows = rowsOf("clients").concat(rowsOf("servers"), rowsOf("sockets"))
const chosen = only === undefined ? rows : rows.filter(({ id }) => only.split(",").includes(id))
for (const id of only?.split(",") ?? []) {
  if (rows.some((row) => row.id === id)) continue
  console.error(`There is no row "${id}"; there are: ${rows.map((row) => row.id).join(", ")}`)
  process.exit(2)
}

const parent = mkdtempSync(join(tmpdir(), "everwire-everywhere-"))
/** @type {Map<Row, Map<string, string>>} What each transport of each row came to. */
const results = new Map(chosen.map((row) => [row, new Map()]))
const tried = `${new Date().toISOString().slice(0, 10)}, ${commit()}`
// Processes that run now. A run that is broken off ends them.
/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set()
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const child of running) child.kill("SIGKILL")
    rmSync(parent, { recursive: true, force: true, maxRetries: 3 })
    process.exit(1)
  })
}
try {
  // What is not reached has not run, whatever an earlier run has found.
  writeAll()
  execFileSync("npm", ["pack", "--silent", "--pack-destination", parent], { cwd: root })
  const [tarball = ""] = readdirSync(parent)
  const own = rows.find(({ id }) => id === "node")
  for (const row of chosen) {
    const failure = existsSync(join(parent, row.id)) ? undefined : install(row, tarball)
    if (row.kind === "sockets") await bundleProxy(row)
    if (own !== undefined && row.kind === "clients" && !existsSync(join(parent, own.id))) install(own, tarball)
    console.log(row.title)
    for (const transport of TRANSPORTS) {
      const isLibrary = row.kind === "sockets"
      const cell =
        failure ?? (await (isLibrary ? tryLibrary(row, transport) : tryTransport(row, transport, own ?? row)))
      console.log(`  ${transport}: ${cell}`)
      results.get(row)?.set(transport, cell)
    }
    for (const proof of row.kind === "servers" ? PROOFS : []) {
      const cell = row.proofs?.includes(proof) ? (failure ?? (await prove(row, proof))) : "-"
      console.log(`  ${proof}: ${cell}`)
      results.get(row)?.set(proof, cell)
    }
    // After each row: a run that is broken off has not been for nothing.
    writeAll()
  }
} finally {
  rmSync(parent, { recursive: true, maxRetries: 3 })
}
const failed = [...results].filter(
  ([, cells]) =>
    TRANSPORTS.some((transport) => !["ok", "absent"].includes(cells.get(transport) ?? NOT_RUN)) ||
    PROOFS.some((proof) => /broken|failed|[1-9]\d* (?:lost|doubled|out of order)/.test(cells.get(proof) ?? "")),
)
for (const [row] of failed) console.error(`${row.title} failed`)
process.exitCode = failed.length > 0 ? 1 : 0

function writeAll() {
  writeTables(join(root, "docs/runtimes.md"), rows, results, TRANSPORTS, PROOFS, tried)
  writeTables(join(root, "docs/socket.md"), rows, results, TRANSPORTS, PROOFS, tried, { sockets: "Libraries" })
}

/**
 * @param {"clients" | "servers" | "sockets"} kind
 * @returns {Row[]}
 */
function rowsOf(kind) {
  return readdirSync(join(here, kind)).map((id) => {
    const { everywhere, dependencies } = JSON.parse(readFileSync(join(here, kind, id, "package.json"), "utf8"))
    const [version = process.versions.node] = Object.values(dependencies)
    return { id, kind, version, ...everywhere }
  })
}

/**
 * Installs a row with the tarball into a folder of its own.
 *
 * @param {Row} row
 * @param {string} tarball
 * @returns {string | undefined} What went wrong.
 */
function install(row, tarball) {
  const { id, kind, prepare, build } = row
  const folder = join(parent, id)
  mkdirSync(folder)
  for (const file of readdirSync(here).filter((name) => name.endsWith(".mjs")))
    cpSync(join(here, file), join(folder, file))
  cpSync(join(here, kind, id), folder, { recursive: true })
  for (const proof of row.proofs ?? []) {
    buildSync({
      entryPoints: [join(here, "proofs", `${proof}.ts`)],
      outfile: join(folder, `${proof}.mjs`),
      bundle: true,
      platform: "node",
      format: "esm",
      // The package that is tried, and what it brings along.
      external: ["everwire", "everwire/*", "eventsource"],
      logLevel: "warning",
    })
  }
  try {
    const quick = ["--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", "--silent"]
    execFileSync("npm", ["install", ...quick, join(parent, tarball)], { cwd: folder, stdio: "pipe" })
    if (prepare !== undefined) execFileSync("sh", ["-c", prepare], { cwd: folder, env: envOf(row), stdio: "pipe" })
    if (build === undefined) return undefined
    const bundled = readFileSync(join(folder, "dist/entry.js"), "utf8").includes(SENTENCE)
      ? "development"
      : "production"
    return bundled === build ? undefined : `took the ${bundled} build`
  } catch (error) {
    const { stdout, stderr } = /** @type {{ stdout: Buffer, stderr: Buffer }} */ (error) // of a command that failed
    console.error(`${stdout}${stderr}`)
    return "cannot be installed or built"
  }
}

/**
 * The fault proxy of the tests, as a program.
 *
 * @param {Row} row
 */
async function bundleProxy({ id }) {
  const outfile = join(parent, id, "fault-proxy.mjs")
  const entryPoints = [join(root, "test/support/fault-proxy.ts")]
  await build({ entryPoints, outfile, bundle: true, platform: "node", format: "esm", logLevel: "error" })
}

/**
 * A library over sockets on one transport, through each fault: "ok", or what failed.
 *
 * @param {Row} row
 * @param {string} transport
 */
async function tryLibrary(row, transport) {
  const outcomes = await Promise.all(
    FAULTS.map(async (fault) => {
      const trial = run(row, `${process.execPath} socket-trial.mjs`, { TRANSPORT: transport, FAULT: fault })
      await Promise.race([trial.ended, later(TALK_MS)])
      if (trial.code() === undefined) trial.kill()
      if (trial.code() === 0) {
        console.log(`    ${fault}: ${/everywhere: ok (.*)/.exec(trial.printed())?.[1]}`)
        return undefined
      }
      console.error(trial.printed())
      return `${fault}: ${/error: (.*)/i.exec(trial.printed())?.[1] ?? "no result"}`
    }),
  )
  return outcomes.filter((outcome) => outcome !== undefined).join("; ") || "ok"
}

/**
 * One transport in each order of closing: "ok", "absent", or what failed.
 *
 * @param {Row} row
 * @param {string} transport
 * @param {Row} own The hub on Node's own server, for clients.
 */
async function tryTransport(row, transport, own) {
  /** @type {Map<string, string[]>} The orders that failed, by reason. */
  const failures = new Map()
  for (const order of row.orders ?? ORDERS) {
    const outcome = await tryOnce(row, transport, order, row.kind === "servers" ? row : own)
    const isAbsent = row.absent?.includes(transport) ?? false
    if (isAbsent) return outcome === "absent" ? "absent" : "is there, and should be absent"
    if (outcome === "ok") continue
    if (failures.size === 0) console.error(outcome)
    const [reason = ""] = outcome.split("\n")
    failures.set(reason, [...(failures.get(reason) ?? []), order])
  }
  if (failures.size === 0) return "ok"
  return Array.from(failures, ([reason, orders]) => `${orders.join(", ")} first: ${reason}`).join("; ")
}

/**
 * @param {Row} row
 * @param {string} transport
 * @param {string} order
 * @param {Row} serving
 */
async function tryOnce(row, transport, order, serving) {
  const port = await freePort()
  const server = run(serving, commandOf(serving), { PORT: String(port) })
  if (!(await listening(port, server))) return `the server did not start\n${server.printed()}`
  if (row.kind === "servers") {
    const page = await ownPage(port)
    if (!page.includes("the application")) {
      server.kill()
      return `the application's own page does not come: ${page}`
    }
    if (row.absent?.includes(transport)) {
      const { status } = await fetch(`http://localhost:${port}/everwire/${transport}`)
      server.kill()
      return status === 404 ? "absent" : `the hub answers ${status} there`
    }
  }
  const task = JSON.stringify({ url: `http://localhost:${port}`, transport, order })
  const client = run(row, row.kind === "clients" ? (row.command ?? "") : `${process.execPath} client.mjs`, {
    EVERYWHERE: task,
  })
  await Promise.race([client.said, client.ended, later(TALK_MS)])
  if ((await Promise.race([client.ended, later(EXIT_MS)])) === undefined) {
    client.kill()
    server.kill()
    return `the client's process goes on\n${client.printed()}`
  }
  const [, word] = /everywhere: (\w+)/.exec(client.printed()) ?? []
  if (word === "absent" || client.code() !== 0 || word === undefined || serving.serve !== undefined) server.kill()
  if (word === undefined || client.code() !== 0) {
    return `${/error: (.*)/i.exec(client.printed())?.[1] ?? `exit code ${client.code()}`}\n${client.printed()}`
  }
  if (word === "absent" || serving.serve !== undefined) return word
  if ((await Promise.race([server.ended, later(EXIT_MS)])) === undefined) {
    server.kill()
    return `the server's process goes on\n${server.printed()}`
  }
  if (server.code() !== 0)
    return `${/error: (.*)/i.exec(server.printed())?.[1] ?? "the server failed"}\n${server.printed()}`
  return word
}

/** @param {Row} row */
function commandOf({ serve, runtime = process.execPath, server = "server.mjs" }) {
  return serve ?? `${runtime} serve.mjs ./${server}`
}

/**
 * Runs the laws in the runtime of the row, or faults between its hub and channels in Node. Returns the text of the cell.
 *
 * @param {Row} row
 * @param {string} proof
 */
async function prove(row, proof) {
  if (proof === "laws") {
    const found = await lineOf(run(row, `${row.runtime} laws.mjs`, {}), "laws")
    if (typeof found === "string") return found
    /** @type {{ transport: string, kept: number, broken: string[] }[]} */
    const subjects = found
    const broken = subjects.flatMap((subject) => subject.broken.map((id) => `${subject.transport} ${id}`))
    const kept = subjects.map((subject) => subject.kept).join(", ")
    return broken.length === 0 ? `${kept} kept` : `${kept} kept; broken: ${broken.join(", ")}`
  }
  const port = await freePort()
  const server = run(row, commandOf(row), { PORT: String(port), FAULTS: "1" })
  try {
    if (!(await listening(port, server))) return `the server failed\n${server.printed()}`
    const found = await lineOf(run(row, `${process.execPath} faults.mjs ${port}`, {}), "faults")
    return typeof found === "string" ? found : tellFlows(found)
  } finally {
    server.kill()
  }
}

/** @param {{ transport: string, fault: string, resets: number, errors: string[], up?: Flow, down?: Flow }[]} flows */
function tellFlows(flows) {
  const broken = flows.filter(({ up, down, errors, resets }) => !up || !down || errors.length > 0 || resets > 0)
  if (broken.length > 0) {
    return broken.map((flow) => `${flow.transport} failed while ${flow.fault}: ${flow.errors.join(", ")}`).join("; ")
  }
  const ways = flows.flatMap(({ up, down }) => (up && down ? [up, down] : []))
  /** @param {keyof Flow} what */
  const sum = (what) => ways.reduce((all, way) => all + way[what], 0)
  return `${sum("lost")} lost, ${sum("doubled")} doubled, ${sum("outOfOrder")} out of order, of ${sum("sent")}`
}

/** @typedef {{ sent: number, lost: number, doubled: number, outOfOrder: number }} Flow */

/**
 * The value of the line that a process prints, or what failed.
 *
 * @param {ReturnType<typeof run>} child
 * @param {string} name
 */
async function lineOf(child, name) {
  await Promise.race([child.ended, later(PROOF_MS)])
  child.kill()
  const [, json] = new RegExp(`^${name}: (.*)$`, "m").exec(child.printed()) ?? []
  if (json !== undefined) return JSON.parse(json)
  console.error(child.printed())
  return `failed: ${/error: (.*)/i.exec(child.printed())?.[1] ?? `exit code ${child.code()}`}`
}

/**
 * @param {Row} row
 * @param {string} command
 * @param {Record<string, string>} env
 */
function run(row, command, env) {
  const [file = "", ...args] = command.split(" ")
  const child = spawn(file, args, {
    cwd: join(parent, row.id),
    env: { ...envOf(row), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  running.add(child)
  let printed = ""
  /** @type {() => void} */
  let speak = () => {}
  const said = new Promise((resolve) => {
    speak = () => resolve(true)
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      printed += text
      if (printed.includes("everywhere: ")) speak()
    })
  }
  /** @type {number | null | undefined} */
  let code
  const ended = new Promise((resolve) => {
    child.on("error", (error) => {
      printed += String(error)
    })
    child.on("close", (status) => {
      running.delete(child)
      code = status
      resolve(true)
    })
  })
  return { said, ended, printed: () => printed, code: () => code, kill: () => child.kill("SIGKILL") }
}

/**
 * The commands of a row's own packages come first.
 *
 * @param {Row} row
 */
function envOf({ id, env }) {
  return { ...process.env, ...env, PATH: `${join(parent, id, "node_modules/.bin")}:${process.env.PATH}` }
}

/** The commit that is tried; "+" behind it says that the sources have changed since. */
function commit() {
  const git = (/** @type {string[]} */ ...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim()
  const changed = git(
    "status",
    "--porcelain",
    "--",
    "src",
    "package.json",
    "tsup.config.ts",
    "tsup.production.config.ts",
    "everywhere",
  )
  return git("rev-parse", "--short", "HEAD") + (changed === "" ? "" : "+")
}

/** @param {number} ms */
function later(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

/**
 * What the application itself answers, or why it does not.
 *
 * @param {number} port
 */
function ownPage(port) {
  return fetch(`http://localhost:${port}/`, { signal: AbortSignal.timeout(EXIT_MS) }).then(
    (answer) => answer.text(),
    String,
  )
}

async function freePort() {
  const server = createServer()
  const port = await new Promise((resolve) => {
    server.listen(0, () => resolve(/** @type {import("node:net").AddressInfo} */ (server.address()).port))
  })
  await new Promise((resolve) => server.close(resolve))
  return port
}

/**
 * Resolves as soon as somebody listens there.
 *
 * @param {number} port
 * @param {{ ended: Promise<unknown>, code: () => number | null | undefined }} server
 */
async function listening(port, server) {
  const until = Date.now() + 30_000
  while (Date.now() < until && server.code() === undefined) {
    const socket = connect(port, "localhost")
    const taken = await new Promise((resolve) => {
      socket.on("connect", () => resolve(true))
      socket.on("error", () => resolve(false))
    })
    socket.destroy()
    if (taken) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}
