// @ts-check
// The kinds of abuse. Each is a function of the hub's URL and of a callback to which it reports the codes of its
// closes.

import { hellos, pipelined, pipelinedElsewhere, polls, posts } from "./http.mjs"
import { frameOf, fullSpeed, openLink, packetOf } from "./wire.mjs"

/**
 * @typedef {(url: URL, told: (code: string) => void) => Promise<unknown>} Abuse
 * `code` (default `true`): whether the hub must close the abuser with a code. It need not if the abuse costs it
 * nothing, or stays within what a peer may send.
 * `beside`: the kind that shows what Node itself spends on such an abuse, where no hub can do better.
 * @typedef {{ run: Abuse, code?: boolean, beside?: string }} Kind
 */

/** Size of the large frames, in bytes. The hub accepts frames of this size. */
const LARGE = 1_800_000

/** @param {string} packet */
const manyOf = (packet, bytes = LARGE) => `${packet}\n`.repeat(Math.floor(bytes / (packet.length + 1))).slice(0, -1)

/**
 * Sends the same batches over and over on one link, and opens another when it is closed.
 *
 * @param {() => readonly (string | Buffer)[]} batches
 * @param {import("./wire.mjs").Session} [given]
 * @returns {Abuse}
 */
const repeat = (batches, given) => async (url, told) => {
  const session = { ...given }
  for (;;) await fullSpeed(await openLink(url, told, session), batches)
}

/**
 * The same on a spare link of a session whose current link is another one.
 *
 * @param {string} text
 * @returns {Abuse}
 */
const repeatOnSpare = (text) => async (url, told) => {
  const session = {}
  const batches = [text]
  for (;;) {
    const current = await openLink(url, told, session)
    await fullSpeed(await openLink(url, told, { ...session, turn: 0 }), () => batches)
    current.socket.destroy()
  }
}

/** Sends the first batch once on each link, and then the other over and over. @param {string} first @param {string} then @returns {Abuse} */
const begin = (first, then) => async (url, told) => {
  const session = {}
  const batches = [then]
  for (;;) {
    const link = await openLink(url, told, session)
    link.socket.write(frameOf(first))
    await fullSpeed(link, () => batches)
  }
}

/** A message in msgpack. @param {Buffer} payload */
const packed = (payload) => frameOf(packetOf(Buffer.concat([Buffer.from("mx\n"), payload])), 0x82)

/** @param {readonly Buffer[]} payloads @returns {Abuse} */
const bombs = (...payloads) => {
  const frames = payloads.map(packed)
  return repeat(() => frames, { codec: "msgpack" })
}

/** @param {readonly (string | Buffer)[]} texts */
const always = (...texts) => repeat(() => texts)

/**
 * A message in `count` frames, most of which are empty.
 *
 * @param {string} text
 * @param {number} count
 */
function fragmented(text, count) {
  return Buffer.concat([frameOf(text, 0x01), ...Array(count - 2).fill(frameOf("", 0x00)), frameOf("", 0x80)])
}

let lastId = 0
/** @param {(id: number) => string} packet @param {number} count */
const numbered = (packet, count) => Array.from({ length: count }, () => packet(++lastId)).join("\n")

/** A request with an input, of which as much comes as the hub grants, 60 KB each. @param {number} id */
const unreadInput = (id) => `q${id},,+\tkeeps\t1\n${manyOf(`i+${id}\t"${"x".repeat(60_000)}"`, 16 * 60_100)}`

let turn = 1

/** @type {Record<string, Kind>} */
export const kinds = {
  burns: {
    code: false,
    run: async () => {
      for (;;) Math.random()
    },
  },
  small: { run: repeat(() => Array.from({ length: 1_000 }, () => "mx\t1")) },
  pings: { run: always(Buffer.concat(Array(10_000).fill(frameOf("", 0x89)))) },
  pongs: { run: always(Buffer.concat(Array(10_000).fill(frameOf("", 0x8a)))) },
  fragments: { run: always(fragmented("mx\t1", 16_000)) },
  batches: { run: always(manyOf("mx\t1", 60_000)) },
  large: { run: always(manyOf("mx\t1")) },
  megabytes: { run: always(`mx\t"${"x".repeat(1_000_000)}"`) },
  "probes-spare": { run: repeatOnSpare(manyOf("p1")) },
  probes: { run: always(manyOf("p1")) },
  acks: { run: always(manyOf("a0")) },
  takes: {
    run: async (url, told) => {
      const session = {}
      for (;;) {
        const current = await openLink(url, told, session)
        const spare = await openLink(url, told, { ...session, turn: 0 })
        await fullSpeed(spare, () => [numbered(() => `t{"turn":${++turn},"heard":0}`, 1_000)])
        current.socket.destroy()
      }
    },
  },
  deep: { run: always(`mx\t${"[".repeat(500_000)}${"]".repeat(500_000)}`) },
  "deep-objects": { run: always(`mx\t${'{"a":'.repeat(150_000)}1${"}".repeat(150_000)}`) },
  brackets: { run: always(`mx\t${"[".repeat(1_000_000)}`) },
  broadcasts: { run: always(manyOf("mall\t1", 60_000)) },
  unanswered: { run: repeat(() => [numbered((id) => `q${id}\tnever\t1`, 3_000)]) },
  "same-id": { run: always(manyOf("q1\tnever\t1")) },
  cancelled: { run: repeat(() => [numbered((id) => `q${id}\tnever\t1\nc${id}\t`, 2_000)]) },
  unhandled: { run: always(manyOf("q1\tnobody\t1")) },
  throwing: { run: always(manyOf("q1\tfails\t1")) },
  failing: { run: always(manyOf("mfails\t1")) },
  cancels: { run: always(manyOf("c1\t")) },
  parts: { run: always(manyOf(`f${"x".repeat(100)}`)) },
  "small-parts": { run: always(manyOf("fx")) },
  empty: { run: always("\n".repeat(LARGE)) },
  // Ends when all that the hub may keep is full: see `maxKeptBytes` in hub.mjs.
  inputs: { run: repeat(() => [unreadInput(++lastId)]) },
  // Small items that nobody reads, in as many requests as may be open.
  "small-inputs": { run: repeat(() => [numbered((id) => `q${id},,+\tkeeps\t1\n${manyOf(`i+${id}\t1`, 100)}`, 300)]) },
  // Asks for streams without an end and grants nothing beyond the first 16 items.
  items: { run: repeat(() => [numbered((id) => `qs${id}\titems\t1`, 300)]) },
  // One stream without an end, and credit for one more item as fast as the hub reads.
  "items-one-by-one": { run: begin("qs1\titems\t1", manyOf("gs1\t1", 60_000)) },
  credit: { run: always(manyOf("gs1\t9007199254740991")) },
  "msgpack-deep": { run: bombs(Buffer.concat([Buffer.alloc(900_000, 0x91), Buffer.of(0xc0)])) },
  "msgpack-lengths": { run: bombs(Buffer.from("ddffffffff", "hex"), Buffer.from("c9ffffffff02", "hex")) },
  // Lists of no values, of which each takes more memory than its one byte.
  "msgpack-lists": { run: bombs(Buffer.concat([Buffer.from("dd000dbba0", "hex"), Buffer.alloc(900_000, 0x90)])) },
  // Within 16 MiB a second, which each peer may send: the hub reads no more of it than it has decoded.
  "msgpack-keys": {
    code: false,
    run: bombs(Buffer.concat([Buffer.from("df00030d40", "hex"), Buffer.alloc(600_000, Buffer.from("a16101", "hex"))])),
  },
  // Fresh credentials that the hub did not ask for.
  refreshes: { run: always(manyOf('u1\t{"auth":"me"}')) },
  hellos: { run: hellos("websocket") },
  "poll-hellos": { run: hellos("long-poll") },
  // Each connection sends its next request after an answer, which is less often than a link is allowed to.
  polls: { code: false, run: polls("short-poll") },
  posts: { code: false, run: posts("long-poll") },
  elsewhere: { code: false, run: pipelinedElsewhere },
  pipelined: { run: pipelined("long-poll"), beside: "elsewhere" },
}
