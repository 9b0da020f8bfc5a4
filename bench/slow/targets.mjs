import { cases } from "./cases.mjs"
import { peers } from "./peers.mjs"

const MAX_RATIO = { websocket: 1.15, sse: 1.15, all: 1.15, "long-poll": 1.4, "short-poll": 1.4 }
const MAX_BYTES = 1.08

/** A cell's time as a ratio to raw `ws` in the same cell; undefined when one of the two did not finish. */
export function ratioOf(result, results) {
  const { ms } = results.find((one) => one.peer === "ws" && isSameCell(one, result)) ?? {}
  return result.ms === undefined || ms === undefined ? undefined : result.ms / ms
}

/** The most dials of one transport before the first welcome, and the number of all dials after it. */
export function dialsIn({ dials }) {
  if (dials === undefined) return undefined
  return {
    before: Math.max(0, ...Object.values(dials.before)),
    after: Object.values(dials.after).reduce((all, one) => all + one, 0),
  }
}

/**
 * The targets that everwire misses in a cell, in words. Empty for other peers. Raw `ws` must have finished the cell.
 */
export function missesOf(result, results) {
  const { name, peer, failed, ms } = result
  if (failed !== undefined) return [`failed: ${failed}`]
  if (peer === "ws" && ms === undefined) return ["never, so there is nothing to compare with"]
  if (peers[peer].transports === undefined) return []
  return [...faultsOf(result), ...(cases[name].silent ? [] : timelyMissesOf(result, results))]
}

/**
 * Faults that no slow link excuses: messages that are lost, doubled, out of order or never heard, a channel that was
 * not open, a dial while a working link exists, a dead link that is noticed late.
 */
export function faultsOf(result) {
  const { name, ms, part, dials, interruptions } = result
  const faults = ["lost", "doubled", "reordered"].flatMap((fault) =>
    result[fault] > 0 ? [`${result[fault]} ${fault}`] : [],
  )
  if (interruptions > 0) faults.push(`not open ${interruptions} times`)
  if (cases[name].silent) return [...faults, ...silentMissesOf(result)]
  if (ms === undefined) faults.push(`never (${Math.floor(part * 100)} % came)`)
  const { before, after } = dialsIn(result)
  if (before > 1 || after > 0) faults.push(`dials ${dialText(dials)}`)
  return faults
}

function timelyMissesOf(result, results) {
  const { peer, bytes, chatMs, roundTripMs } = result
  const misses = []
  const ratio = ratioOf(result, results)
  if (ratio > MAX_RATIO[peer]) misses.push(`${ratio.toFixed(2)} times ws`)
  if (bytes > MAX_BYTES) misses.push(`${bytes.toFixed(2)} times the bytes`)
  if (chatMs > 1_500 + roundTripMs) misses.push(`chat ${(chatMs / 1_000).toFixed(1)} s late`)
  return misses
}

function silentMissesOf({ noticedMs, loadedMs, doubtsBefore }) {
  const misses = []
  if (noticedMs === undefined) misses.push("never noticed")
  else if (noticedMs > silentLimitMs({ loadedMs })) misses.push(`noticed after ${(noticedMs / 1_000).toFixed(1)} s`)
  if (doubtsBefore > 0) misses.push(`doubted ${doubtsBefore} times before`)
  return misses
}

/** Time within which a silently dead link must be noticed, for a given round trip under load. */
export function silentLimitMs({ loadedMs }) {
  return 3_000 + 4 * loadedMs
}

function dialText({ before, after }) {
  const list = (dials) =>
    Object.entries(dials)
      .map(([transport, count]) => `${count} ${transport}`)
      .join(" + ") || "0"
  return `${list(before)}, then ${list(after)}`
}

function isSameCell(a, b) {
  return ["name", "rate", "roundTripMs", "queueBytes"].every((key) => a[key] === b[key])
}
