// @ts-check
// Counts the bytes that a message allocates at the hub. Unlike a time, this figure is the same on a busy machine. The
// built package is interpreted (`--jitless`), so that no allocation is optimized away, and no garbage is collected
// between two readings of the heap. Exits 1 when a figure is above its limit.

import { spawnSync } from "node:child_process"
import { setImmediate as turn } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { GCProfiler } from "node:v8"

/**
 * Limits in bytes: per message sent or received, per delivery of a broadcast, per delivery of one of 20 broadcasts in a
 * tick, and per poll and per upload of one message, without Node's own objects for the exchange.
 * Measured with V8 11.3 (Node 20) and rounded up by less than the smallest object. Lower them when the hub allocates
 * less.
 */
const limits = { hear: 895, say: 747, broadcast: 77, burst: 94, poll: 5150, upload: 7140 }
const MEASURED_WITH = "11.3."
/** Tolerance for other versions of V8, whose objects differ a little in size. */
const OTHER_V8 = 1.1

const PEERS = 50
const BURST = 20
/** Messages or deliveries between two readings of the heap. */
const MESSAGES = 16_000
const EXCHANGES = 2_000
const READINGS = 7

/** @typedef {keyof typeof limits} Work */

if (process.argv[2] === "measure") console.log(JSON.stringify(await measure()))
else judge()

function judge() {
  const flags = [
    "--jitless",
    "--expose-gc",
    "--single-threaded",
    "--min-semi-space-size=64",
    "--max-semi-space-size=64",
  ]
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, fileURLToPath(import.meta.url), "measure"],
    { encoding: "utf8" },
  )
  if (status !== 0) throw new Error(`the measurement ended with ${status}: ${stderr}`)
  /** @type {Record<Work, number>} */
  const measured = JSON.parse(stdout)
  const room = process.versions.v8.startsWith(MEASURED_WITH) ? 1 : OTHER_V8
  for (const [work, limit] of Object.entries(limits)) {
    const bytes = measured[/** @type {Work} */ (work)] // its own keys
    console.log(`${work.padEnd(10)} ${bytes.toFixed(0).padStart(5)} B (limit ${Math.floor(limit * room)} B)`)
    if (bytes <= limit * room) continue
    console.error(`  ${work} allocates ${Math.ceil(bytes - limit * room)} B too much per message`)
    process.exitCode = 1
  }
}

/** @returns {Promise<Record<Work, number>>} */
async function measure() {
  const { hub, speak, endTick, pass } = await startHub()
  hub.on("up", () => {})
  const [peer] = hub.peers.values()
  if (peer === undefined) throw new Error("nobody was welcomed")
  const data = { seq: 1, text: "x".repeat(80) }
  const batch = `mup\t${JSON.stringify(data)}`
  speak(0, "n1")

  // Messages sent so far to all peers, and further ones to the first peer only. Every 256th is acknowledged, as a
  // channel acknowledges.
  let toAll = 0
  let toFirst = 0
  const acknowledge = () => {
    for (let n = 0; n < PEERS; n++) speak(n, `a${n === 0 ? toAll + toFirst : toAll}`)
  }
  const hear = () => {
    speak(0, batch)
    endTick()
    pass() // lets the peer's allowance refill
  }
  const say = () => {
    peer.send("down", data)
    endTick()
    if (++toFirst % 256 !== 0) return
    speak(0, `a${toAll + toFirst}`)
    pass() // as above: acks that were not heard would leave everything in the outbox
  }
  const broadcast = (/** @type {number} */ messages) => {
    for (let n = 0; n < messages; n++) hub.send("down", data)
    endTick()
    toAll += messages
    if (toAll % 256 < messages) acknowledge()
  }
  return {
    hear: bytesPer(1, hear),
    say: bytesPer(1, say),
    broadcast: bytesPer(PEERS, () => broadcast(1)),
    burst: bytesPer(PEERS * BURST, () => broadcast(BURST)),
    ...(await bytesPerExchange(hub, endTick, pass)),
  }
}

/**
 * The median of the bytes that a message allocates. Each call of `work` makes this many messages.
 *
 * @param {number} messages
 * @param {() => void} work
 */
function bytesPer(messages, work) {
  const readings = Array.from({ length: READINGS }, () => {
    const read = startReading()
    for (let n = 0; n < MESSAGES; n += messages) work()
    return read() / MESSAGES
  })
  return median(readings)
}

/**
 * The same for exchanges over long-poll: an upload, and a poll that finds nothing and is then replaced by another, so
 * that the hub answers the first and holds the second.
 *
 * @param {import("everwire/node").NodeHub} hub
 * @param {() => void} endTick
 * @param {() => void} pass
 */
async function bytesPerExchange(hub, endTick, pass) {
  let body = Buffer.alloc(0)
  let answer = ""
  const request = {
    method: "POST",
    url: `${hub.path}/long-poll`,
    headers: {},
    httpVersionMajor: 1,
    socket: { remoteAddress: "" },
    on() {},
    resume() {},
    read: () => body,
    get readableLength() {
      return body.length
    },
  }
  const response = {
    on() {},
    writeHead() {},
    end: (/** @type {string} */ text) => {
      answer = text
    },
  }
  const ask = async (/** @type {string} */ text, /** @type {Record<string, string>} */ headers = {}) => {
    body = Buffer.from(text)
    request.headers = { ...headers, "content-length": String(body.length) }
    // @ts-expect-error: no more of them than the hub looks at
    hub.listener(request, response)
    await turn()
    endTick()
    pass()
  }
  const token = "0".repeat(24)
  const hello = { v: 1, id: `polls${token}`, key: token, holder: token, heard: 0, acked: 0, turn: 1 }
  await ask(`@{"up":1,"poll":1}\nh${JSON.stringify(hello)}`)
  const { link } = JSON.parse(answer.slice(1, answer.indexOf("\n")))
  let poll = 1
  let up = 2
  await ask(`@{"link":"${link}","up":${up}}\nn1`)
  const works = {
    poll: () => ask("", { everwire: `@{"link":"${link}","poll":${++poll}}` }),
    upload: () => ask(`@{"link":"${link}","up":${++up}}\nmup\t1`),
  }
  const measured = { poll: 0, upload: 0 }
  for (const work of /** @type {const} */ (["poll", "upload"])) {
    const readings = []
    while (readings.length < READINGS) {
      const read = startReading()
      for (let n = 0; n < EXCHANGES; n++) await works[work]()
      readings.push(read() / EXCHANGES)
    }
    measured[work] = median(readings)
  }
  return measured
}

/** Returns a function that reads how many bytes were allocated since this call. */
function startReading() {
  globalThis.gc?.()
  const profiler = new GCProfiler()
  profiler.start()
  const before = process.memoryUsage().heapUsed
  return () => {
    const bytes = process.memoryUsage().heapUsed - before
    if (profiler.stop().statistics.length > 0) throw new Error("something was collected: measure fewer messages")
    return bytes
  }
}

/** @param {number[]} readings */
function median(readings) {
  return readings.sort((a, b) => a - b)[readings.length >> 1] ?? 0
}

/**
 * A hub whose peers are on sockets that discard what is sent, with a clock that moves only by `pass`. At first the
 * peers answer the hub's probes, until the hub knows that their links are fast. Then the sockets stop looking at
 * batches, because reading a joined string makes V8 allocate a flat copy of it.
 */
async function startHub() {
  const { createHub } = await import("everwire/node")
  /** @type {(() => void)[]} */
  let later = []
  let now = 0
  let id = 0
  const nextId = () => `${++id}`.padStart(24, "0")
  const hub = createHub({
    runtime: {
      now: () => now,
      after: () => () => {},
      soon: (run) => void later.push(run),
      random: () => 0,
      id: nextId,
      report(error) {
        throw error
      },
    },
  })
  const pass = () => {
    now++
  }
  const endTick = () => {
    while (later.length > 0) {
      const due = later
      later = []
      for (const run of due) run()
    }
  }
  /** @type {((batch: string) => void)[]} */
  const mouths = []
  const speak = (/** @type {number} */ n, /** @type {string} */ batch) => mouths[n]?.(batch)
  // Not inside `send`: there V8 would allocate a context object for the closure at each call of `send`.
  const answer = (/** @type {number} */ n, /** @type {string} */ batch) => {
    const [token] = batch.slice(1).split(",")
    later.push(() => speak(n, `a0,${token},0`))
  }
  const createSocket = (/** @type {number} */ n) => ({
    looks: 700,
    bufferedAmount: 0,
    send(/** @type {string | Uint8Array} */ batch) {
      // A probe is the first packet of its batch here, because the hub sends nothing else.
      if (this.looks === 0 || --this.looks === 0 || typeof batch !== "string" || !batch.startsWith("p")) return
      answer(n, batch)
    },
    close() {},
    terminate() {},
    hear: (/** @type {import("everwire/node").SocketSink} */ sink) => void mouths.push((batch) => sink.message(batch)),
  })
  const header = () => undefined
  for (let n = 0; n < PEERS; n++) {
    const door = hub.upgrade(`${hub.path}/websocket`, { header })
    if (door === undefined || !("take" in door)) throw new Error("the hub takes no WebSocket")
    door.take(createSocket(n), { transport: "websocket", address: "", header })
    const hello = { v: 1, id: nextId(), key: nextId(), holder: nextId(), heard: 0, acked: 0, turn: 1 }
    speak(n, `h${JSON.stringify(hello)}`)
    endTick()
  }
  return { hub, speak, endTick, pass }
}
