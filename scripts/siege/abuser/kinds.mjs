// @ts-check
// The kinds of abuse. Each is a function of the hub's URL and of a callback to which it reports the codes of its
// closes.

import { hellos, pipelined, pipelinedElsewhere, polls, posts } from "./http.mjs"
import { frameOf, fullSpeed, openLink } from "./wire.mjs"

/**
 * @typedef {(url: URL, told: (code: string) => void) => Promise<unknown>} Abuse
 * `code` (default `true`): whether the hub must close the abuser with a code. It need not if the abuse costs it
 * nothing.
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
 * @returns {Abuse}
 */
const repeat = (batches) => async (url, told) => {
  const session = {}
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
  hellos: { run: hellos("websocket") },
  "poll-hellos": { run: hellos("long-poll") },
  // Each connection sends its next request after an answer, which is less often than a link is allowed to.
  polls: { code: false, run: polls("short-poll") },
  posts: { code: false, run: posts("long-poll") },
  elsewhere: { code: false, run: pipelinedElsewhere },
  pipelined: { run: pipelined("long-poll"), beside: "elsewhere" },
}
