// @ts-check
// What a message allocates at the hub: bytes are counted, not seconds, so the figure is the same on a machine that does
// other things. The built package is interpreted (`--jitless`), where every allocation of the code takes place, and
// nothing is collected between two readings of the heap. Exits 1 when one is above its limit.

import { spawnSync } from "node:child_process"
import { setImmediate as turn } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { GCProfiler } from "node:v8"

/**
 * Bytes per message said or heard, per delivery of a broadcast, and per delivery of one of 20 broadcasts in a tick; and
 * per poll and per upload of one message, with what Node makes of an exchange left out.
 * Measured with V8 11.3 (Node 20) and rounded up by less than the smallest object. Whoever allocates less lowers them.
 */
const limits = { hear: 895, say: 744, broadcast: 87, burst: 102, poll: 5150, upload: 7090 }
const MEASURED_WITH = "11.3."
/** Another V8 lays its objects out a little differently. */
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

  // Messages said so far to all, and beside these to the first peer: acknowledged every 64 as a channel does.
  let toAll = 0
  let toFirst = 0
  const acknowledge = () => {
    for (let n = 0; n < PEERS; n++) speak(n, `a${n === 0 ? toAll + toFirst : toAll}`)
  }
  const hear = () => {
    speak(0, batch)
    endTick()
    pass() // a peer may say so much in a time
  }
  const say = () => {
    peer.send("down", data)
    endTick()
    if (++toFirst % 64 === 0) speak(0, `a${toAll + toFirst}`)
  }
  const broadcast = (/** @type {number} */ messages) => {
    for (let n = 0; n < messages; n++) hub.send("down", data)
    endTick()
    toAll += messages
    if (toAll % 64 < messages) acknowledge()
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
 * The median of what a message allocates, where a call makes so many.
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
 * The same for exchanges over long-poll: a poll that finds nothing and is asked for again, so that the hub lets the one go
 * and holds the other, and an upload.
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

/** Returns what reads how many bytes have been allocated since. */
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
 * A hub with peers on sockets that swallow what is sent, and a clock that stands still unless it is told to pass. At first they answer its probes, until
 * it knows that their links are fast: looking at a text costs what it takes to join its parts.
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
  // A function of its own: V8 makes an object for what a function inside of another needs, each time that is called.
  const answer = (/** @type {number} */ n, /** @type {string} */ batch) => {
    const [token] = batch.slice(1).split(",")
    later.push(() => speak(n, `a0,${token},0`))
  }
  const createSocket = (/** @type {number} */ n) => ({
    looks: 700,
    bufferedAmount: 0,
    send(/** @type {string | Uint8Array} */ batch) {
      // A probe leads its batch here, because the hub has nothing else to say.
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
