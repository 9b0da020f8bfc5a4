// @ts-check
// How one abuser slows a hundred honest channels down: their round trips during each kind of abuse.
//
//   npm run siege:abuser -- [--seconds 7] [kind ...]
//
// Three processes: the hub, the honest channels (this one), and the abuser at full speed. Exits 1 in two cases:
// - The honest p99 is too long: more than three times that of "burns", in which the abuser only uses a processor, which
//   shows the effect of the machine alone. A kind with a `beside` may instead be a fifth slower than that other kind, an
//   abuse of a server in which no hub takes part.
// - An abuser was closed without a code.
// A turn is one run of the hub's event loop, in milliseconds of its processor time, which other work on the machine does
// not change.

import { fork } from "node:child_process"
import { once } from "node:events"
import { setTimeout as pause } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { createChannel } from "everwire"
import { kinds } from "./abuser/kinds.mjs"

const CHANNELS = 100
/** Interval between the requests of each channel. */
const EVERY_MS = 100
/** A p99 below this is good enough and is mostly noise of the machine. */
const FLOOR_MS = 5
const TIMES = 3
/** A round trip that has not ended within this time counts as this long. */
const LONGEST_MS = 10_000

const args = process.argv.slice(2)
const at = args.indexOf("--seconds")
const seconds = at < 0 ? 7 : Number(args.splice(at, 2)[1])
const chosen = args.length > 0 ? args : Object.keys(kinds)

const hubFile = fileURLToPath(new URL("./abuser/hub.mjs", import.meta.url))
const abuserFile = fileURLToPath(new URL("./abuser/run.mjs", import.meta.url))

const alone = await measure(undefined)
console.log("what              p50     p99     max    turn longest")
print("alone", alone)
const burns = await measure("burns")
print("burns", burns)
const limitMs = TIMES * Math.max(FLOOR_MS, alone.p99, burns.p99)
/** The honest p99 of each kind that another one is compared with. @type {Map<string, number>} */
const p99Of = new Map()
for (const kind of withTheirComparisons(chosen)) {
  const row = await measure(kind)
  p99Of.set(kind, row.p99)
  const isOurs = Object.values(kinds).every(({ beside }) => beside !== kind)
  const isSlow = isOurs && row.p99 > Math.max(limitMs, 1.2 * (p99Of.get(kinds[kind]?.beside ?? "") ?? 0))
  const isUntold = kinds[kind]?.code !== false && row.codes.length === 0
  print(kind, row, `${isSlow ? "  SLOW" : ""}${isUntold ? "  NO CODE" : ""}`)
  if (isSlow || isUntold) process.exitCode = 1
}
console.log(`The honest p99 may be ${limitMs.toFixed(1)} ms.`)

/**
 * Each kind once, and the one that it is compared with before it.
 *
 * @param {string[]} names
 */
function withTheirComparisons(names) {
  const all = names.flatMap((name) => [kinds[name]?.beside ?? name, name])
  return [...new Set(all)].filter((name) => name !== "burns")
}

/**
 * @param {string} name
 * @param {Row} row
 */
function print(name, { p50, p99, max, turn, longest, heard, megabytes, logged, codes }, verdict = "") {
  const ms = [p50, p99, max, turn, longest].map((value) => value.toFixed(1).padStart(8)).join("")
  const work = `${String(heard).padStart(9)} heard${megabytes.toFixed(0).padStart(6)} MiB held${(logged / 1024).toFixed(0).padStart(7)} KiB logged`
  console.log(`${name.padEnd(14)}${ms} ms ${work}  ${codes.join(", ")}${verdict}`)
}

/**
 * @typedef {{ p50: number, p99: number, max: number, turn: number, longest: number, heard: number, megabytes: number,
 * logged: number, codes: string[] }} Row
 */

/**
 * @param {string | undefined} kind
 * @returns {Promise<Row>}
 */
async function measure(kind) {
  const hub = fork(hubFile, { stdio: ["ignore", "pipe", "pipe", "ipc"] })
  let logged = 0
  for (const stream of [hub.stdout, hub.stderr]) stream?.on("data", (chunk) => (logged += chunk.length))
  const [url] = /** @type {[string]} */ (await once(hub, "message"))
  const channels = Array.from({ length: CHANNELS }, () => createChannel(url, { transports: ["websocket"] }))
  await Promise.all(channels.map((channel) => channel.request("echo", 0)))
  /** @type {number[]} */
  const took = []
  let isMeasuring = false
  const asking = channels.map(async (channel, i) => {
    await pause((EVERY_MS * i) / CHANNELS)
    const timer = setInterval(() => {
      if (!isMeasuring) return
      const from = performance.now()
      const done = () => void took.push(Math.min(LONGEST_MS, performance.now() - from))
      channel.request("echo", 1, { timeoutMs: LONGEST_MS }).then(done, done)
    }, EVERY_MS)
    return () => clearInterval(timer)
  })
  const abuser = kind === undefined ? undefined : fork(abuserFile, [kind, url])
  /** @type {Map<string, number>} */
  const codes = new Map()
  abuser?.on("message", (code) => codes.set(String(code), (codes.get(String(code)) ?? 0) + 1))
  await pause(1_000)
  hub.send("begin")
  isMeasuring = true
  await pause(seconds * 1_000)
  isMeasuring = false
  for (const stop of asking) (await stop)()
  const logs = logged
  hub.send("end")
  /** @type {Pick<Row, "heard" | "megabytes" | "turn" | "longest">[]} */
  const [counted] = await once(hub, "message")
  abuser?.kill("SIGKILL")
  // Requests that are not answered yet get a little more time.
  await pause(200)
  for (const channel of channels) void channel.close()
  hub.kill("SIGKILL")
  await pause(200)
  const sorted = took.sort((one, other) => one - other)
  /** @param {number} part */
  const of = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? LONGEST_MS
  const told = [...codes].map(([code, count]) => (count > 1 ? `${code} x${count}` : code))
  return {
    p50: of(0.5),
    p99: of(0.99),
    max: of(1),
    heard: 0,
    megabytes: 0,
    turn: 0,
    longest: 0,
    ...counted,
    logged: logs,
    codes: told,
  }
}
