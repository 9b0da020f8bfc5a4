// everwire on slow links: npm run slow -- --rates 150k,2M --rtts 20 --queues 64k --cases a,b --only websocket,sse
import { execFileSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { arch, cpus, platform } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { start } from "../processes.mjs"
import { cases, idealMs, QUEUES, RATES, ROUND_TRIPS } from "./cases.mjs"
import { peers } from "./peers.mjs"
import { runAll } from "./schedule.mjs"
import { cellTitle, rateTables, silentTable, smallBodiesTable, summaryTable } from "./tables.mjs"
import { faultsOf, missesOf } from "./targets.mjs"

const { values: options } = parseArgs({
  options: {
    /** Transports of everwire. */
    only: { type: "string" },
    /** ws (always), everwire, socket.io. */
    peers: { type: "string" },
    cases: { type: "string" },
    rates: { type: "string" },
    rtts: { type: "string" },
    queues: { type: "string" },
    /** A small selection of all cells, which takes about a minute. */
    quick: { type: "boolean", default: false },
    /** Only the message of 1 MB through a proxy that accepts bodies of 64 kB. */
    "proxy-64k": { type: "boolean", default: false },
  },
})

/** Cells of `--quick`: the rate, the round trip, the queue and the cases. */
const QUICK = [
  [20e3, 200, 64e3, ["e"]],
  [500e3, 200, 2e6, ["a", "c", "f", "g"]],
  [2e6, 20, 64e3, ["a", "b", "c", "d", "e", "f"]],
  [20e6, 200, 64e3, ["a", "c", "d"]],
]
const DETAILS = "bench/results/partial.slow.json"
const HTTP_TRANSPORTS = ["sse", "long-poll", "short-poll"]

const results = []
const started = performance.now()
const cells = options["proxy-64k"] ? [] : chooseCells()
if (cells.length > 0) {
  const longest = Math.max(...cells.map(idealMs)) / 1_000
  console.log(`${cells.length} cells, of which the longest takes ${longest.toFixed(0)} s at least`)
}
const loads = await runAll(cells, (result) => {
  results.push(result)
  if (results.length % 20 === 0) console.error(`${results.length} of ${cells.length} cells`)
})
const isPart = ["only", "peers", "cases", "rates", "rtts", "queues"].some((name) => options[name] !== undefined)
const smallBodies = isPart && !options["proxy-64k"] ? [] : await runSmallBodies()
report()

function chooseCells() {
  const chosenPeers = choosePeers()
  const names = chosen("case", options.cases, Object.keys(cases))
  const links = options.quick
    ? QUICK
    : (numbers(options.rates) ?? [...RATES, 1e6]).flatMap((rate) =>
        (numbers(options.rtts) ?? ROUND_TRIPS).flatMap((roundTripMs) =>
          (numbers(options.queues) ?? QUEUES).map((queueBytes) => [rate, roundTripMs, queueBytes, names]),
        ),
      )
  return links.flatMap(([rate, roundTripMs, queueBytes, ofLink]) =>
    ofLink
      .filter((name) => names.includes(name) && (cases[name].rates ?? RATES).includes(rate))
      .flatMap((name) =>
        chosenPeers
          .filter((peer) => (cases[name].peers ?? chosenPeers).includes(peer))
          .map((peer) => ({ name, peer, rate, roundTripMs, queueBytes })),
      ),
  )
}

function choosePeers() {
  const kinds = chosen("peer", options.peers, ["ws", "everwire", "socket.io"])
  const transports = chosen("transport", options.only, Object.keys(peers).filter(isEverwire))
  return Object.keys(peers).filter((peer) => {
    if (isEverwire(peer)) return kinds.includes("everwire") && transports.includes(peer)
    // All times are compared with raw `ws`, so it always runs. In a partial run, Socket.IO runs only if it is named.
    return peer === "ws" || (kinds.includes("socket.io") && (options.peers !== undefined || !options.quick))
  })
}

function isEverwire(peer) {
  return peers[peer].transports !== undefined
}

async function runSmallBodies() {
  const worker = start("slow/worker.mjs", [])
  const measured = await Promise.all(HTTP_TRANSPORTS.map((transport) => worker.call("runSmallBodies", transport)))
  await worker.stop()
  return measured
}

function report() {
  const order = new Map(cells.map((cell, n) => [cellTitle(cell), n]))
  results.sort((a, b) => order.get(cellTitle(a)) - order.get(cellTitle(b)))
  const misses = results.flatMap((one) => {
    const missed = missesOf(one, results)
    return missed.length === 0 ? [] : [`${cellTitle(one)}: ${missed.join("; ")}`]
  })
  for (const line of misses) console.log(line)
  const sections = [
    ["The worst of each", results.length > 0 && summaryTable(results)],
    ["By rate", results.length > 0 && rateTables(results).join("\n\n")],
    ["All connections fall silent under a bulk", silentTable(results)],
    ["Through a proxy that takes bodies of 64 kB", smallBodies.length > 0 && smallBodiesTable(smallBodies)],
    ["How it was measured", loads.length > 0 && [wsText(), ...loads.map(loadText)].join("\n")],
  ].flatMap(([title, text]) => (text ? [`## ${title}\n\n${text}`] : []))
  const page = `${introduction()}\n\n${sections.join("\n\n")}\n`
  console.log(`\n${sections.filter((section) => !section.startsWith("## By rate")).join("\n\n")}`)
  console.log(`\n${misses.length} of ${cells.length} cells miss a target; ${seconds(performance.now() - started)}`)
  write(page)
  const isWrong = (one) => isEverwire(one.peer) && (one.failed !== undefined || faultsOf(one).length > 0)
  if (results.some(isWrong)) process.exitCode = 1
}

function introduction() {
  const machine = `${cpus()[0].model}, ${cpus().length} cores, ${platform()} ${arch()}`
  const listed = Object.entries(cases).map(([name, { title }]) => `- (${name}) ${title}`)
  return `# Slow links

What \`npm run slow\` measured on ${new Date().toISOString().slice(0, 10)} with Node ${process.version} on ${machine}. Server and client talk through
[a modem](../../bench/slow/modem.mjs): one queue per direction for all connections, with a rate, a delay and a bound.

${listed.join("\n")}

At 20 kbit/s a bulk is 60 kB, and 30 kB each way. A cell has the seconds from the first dial to the last message, and
the ratio to raw \`ws\` in the same cell; bold ones miss a target: at most 1.15 times \`ws\` (polls 1.4), bytes carried at
most 1.08 times the JSON that was said, one dial per transport before the first welcome and none after, a chat line at
most 1.5 s and a round trip late, nothing lost, doubled or reordered, and open throughout. "Never" is four times what
the link needs and 20 s.`
}

/** Checks the measurement itself: raw `ws` should take the time that the link needs. */
function wsText() {
  const ratios = results.flatMap((one) => (one.peer === "ws" && one.ms ? [one.ms / idealMs(one)] : []))
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)]
  return `- Raw \`ws\` took ${least.toFixed(2)} to ${most.toFixed(2)} times what bytes, rate and round trip make.`
}

function loadText({ cells, atOnce, seconds, cores, p99, max }) {
  return (
    `- ${cells} cells, ${atOnce} at once, in ${seconds.toFixed(0)} s with ${cores.toFixed(2)} cores busy; ` +
    `timers late by ${p99.toFixed(0)} ms (99 %), ${max.toFixed(0)} ms at most.`
  )
}

/** A complete run is written to the documentation, a partial one to files that are not committed. */
function write(page) {
  const root = new URL("../../", import.meta.url)
  const isWhole = !isPart && !options.quick && !options["proxy-64k"]
  const path = isWhole ? "docs/performance/slow.md" : "bench/results/partial.slow.md"
  mkdirSync(new URL("docs/performance/", root), { recursive: true })
  writeFileSync(new URL(path, root), page)
  if (isWhole) execFileSync("npx", ["biome", "format", "--write", path], { cwd: fileURLToPath(root), stdio: "ignore" })
  // All results with the incidents of each channel, to find out why a cell missed its target.
  const rows = [...results, ...smallBodies].map((one) => JSON.stringify(one))
  writeFileSync(new URL(DETAILS, root), `[\n${rows.join(",\n")}\n]\n`)
  console.log(`written to ${path}; every cell is in ${DETAILS}`)
}

/** The values of a comma-separated list, or all values. */
function chosen(kind, list, all) {
  if (list === undefined) return all
  const names = list.split(",").map((name) => name.trim())
  for (const name of names)
    if (!all.includes(name)) throw new Error(`no ${kind} "${name}"; there are ${all.join(", ")}`)
  return names
}

/** "150k,2M" as numbers. */
function numbers(list) {
  return list?.split(",").map((text) => {
    const [, digits, unit] = /^\s*([\d.]+)([kM]?)\s*$/.exec(text) ?? []
    if (digits === undefined) throw new Error(`"${text}" is no number like 20, 64k or 2M`)
    return Number(digits) * { "": 1, k: 1e3, M: 1e6 }[unit]
  })
}

function seconds(ms) {
  return `${(ms / 1_000).toFixed(0)} s`
}
