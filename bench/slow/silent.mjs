import { setTimeout as pause } from "node:timers/promises"
import { SILENT_AFTER_MS } from "./cases.mjs"
import { dialsOf, linesOf, openTalk } from "./cell.mjs"
import { Tally } from "./tally.mjs"

const MESSAGE_BYTES = 4_000
/** After this time, in milliseconds, the dead link counts as never noticed. */
const LIMIT_MS = 40_000

/**
 * Silences all open connections in the middle of a bulk that goes down. Measures how long the channel takes to doubt
 * the link and to get another one, and how long a round trip through the full queue took just before.
 */
export async function runSilent(cell) {
  const tally = new Tally()
  let isOver = false
  const bulk = async (voice) => {
    while (!isOver) if (!voice.send(tally.next(MESSAGE_BYTES))) await voice.writable()
  }
  const talk = await openTalk(cell, { heard() {}, there: (voice) => bulk(eachInATask(voice)).catch(() => {}) })
  talk.dial((message) => tally.hear(message))
  await pause(SILENT_AFTER_MS)
  const { up, down } = talk.modem
  const queuedMs = ((up.queuedBytes + down.queuedBytes) * 8_000) / cell.rate
  const before = talk.client.report()
  const rttMs = talk.client.rttMs()
  const silentAt = Date.now()
  talk.modem.swallow()
  const since = (...whats) =>
    talk.client.report().incidents.find(({ at, what }) => at >= silentAt && whats.includes(what))?.at
  const limitAt = silentAt + LIMIT_MS
  while (since("took-over") === undefined && Date.now() < limitAt) await pause(50)
  const heardBefore = tally.heard
  while (tally.heard < heardBefore + 5 && Date.now() < limitAt) await pause(50)
  isOver = true
  // If the link ended and was not doubted, the next dial counts.
  const noticedAt = since("doubted", "dialed", "took-over")
  const movedAt = since("took-over")
  const after = talk.client.report()
  const result = {
    ...cell,
    noticedMs: noticedAt && noticedAt - silentAt,
    movedMs: movedAt && movedAt - silentAt,
    loadedMs: cell.roundTripMs + queuedMs,
    rttMs,
    doubtsBefore: before.incidents.filter(({ what }) => what === "doubted" || what === "closed").length,
    dials: dialsOf(before.incidents),
    interruptions: before.interruptions,
    incidents: linesOf(after.incidents),
    lost: tally.lost,
    doubled: tally.doubled,
    reordered: tally.reordered,
  }
  await talk.close()
  return result
}

/** Sends each message in a separate task, so that a sender that never has to wait does not block other cells. */
function eachInATask(voice) {
  return {
    send(data) {
      voice.send(data)
      return false
    },
    async writable() {
      await pause(5)
      await voice.writable()
    },
  }
}
