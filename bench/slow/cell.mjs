import { once } from "node:events"
import { createServer } from "node:http"
import { setTimeout as pause } from "node:timers/promises"
import { cases, idealMs } from "./cases.mjs"
import { Modem } from "./modem.mjs"
import { peers } from "./peers.mjs"
import { Tally } from "./tally.mjs"

/** The size of a chat line, and the interval at which one is sent. */
const CHAT_BYTES = 100
const CHAT_EVERY_MS = 1_000

/** Runs one case with one peer over one modem. Server, modem and client share this process and its clock. */
export async function runCell(cell) {
  const { afterMs = 0, down = [], up = [], chat = false } = cases[cell.name].plan(cell.rate)
  const limitMs = 4 * idealMs(cell) + 20_000
  const tallies = { down: new Tally(), up: new Tally() }
  let saying = 2
  let isOver = false
  const say = async (tally, sizes, voice) => {
    // With no time to wait for, the first message is said within `there`, as an application says a snapshot.
    if (afterMs > 0) await pause(afterMs)
    for (const bytes of sizes) if (!voice.send(tally.next(bytes)) && chat && !isOver) await voice.writable()
    saying--
  }
  const sayChat = async (voice) => {
    for (;;) {
      await pause(CHAT_EVERY_MS)
      if (isOver || tallies.down.bulkHeard === down.length) return
      voice.send(tallies.down.next(CHAT_BYTES, true))
    }
  }
  const isDone = () => saying === 0 && Object.values(tallies).every(({ said, heard }) => heard === said)
  let end
  const ended = new Promise((resolve) => {
    end = resolve
  })
  const heard = (tally) => (message) => {
    tally.hear(message)
    if (isDone()) end(true)
  }
  let hasCome = false
  const talk = await openTalk(cell, {
    heard: heard(tallies.up),
    there(voice) {
      // A client that begins another session is not sent the messages again.
      if (hasCome) return
      hasCome = true
      const ignore = () => {}
      say(tallies.down, down, voice).catch(ignore)
      const { opened, voice: ofClient } = talk.client
      Promise.resolve(opened)
        .then(() => say(tallies.up, up, ofClient))
        .catch(ignore)
      if (chat) sayChat(voice).catch(ignore)
    },
  })
  const startedAt = performance.now()
  talk.dial(heard(tallies.down))
  const timer = setTimeout(end, limitMs, false)
  const isWhole = await ended
  clearTimeout(timer)
  isOver = true
  const ms = Math.max(tallies.down.heardAt, tallies.up.heardAt) - startedAt
  // Waits a little longer, to see messages that arrive twice and dials that are still under way.
  await pause(cell.roundTripMs + 300)
  const { interruptions, incidents } = talk.client.report()
  const { up: upLine, down: downLine, connections } = talk.modem
  const result = {
    ...cell,
    ms: isWhole ? ms : undefined,
    part: (tallies.down.heard + tallies.up.heard) / (tallies.down.said + tallies.up.said || 1),
    bytes: Math.max(
      ...[
        [downLine, tallies.down],
        [upLine, tallies.up],
      ].map(([line, { saidBytes }]) => (saidBytes > 0 ? line.carriedBytes / saidBytes : 0)),
    ),
    connections,
    dials: incidents && dialsOf(incidents),
    incidents: incidents && linesOf(incidents),
    lost: tallies.down.lost + tallies.up.lost,
    doubled: tallies.down.doubled + tallies.up.doubled,
    reordered: tallies.down.reordered + tallies.up.reordered,
    interruptions,
    chatMs: chat ? Math.max(0, tallies.down.chatMs() - cell.roundTripMs / 2) : undefined,
  }
  await talk.close()
  return result
}

/** Starts a server and a modem in front of it. `dial` starts the client. */
export async function openTalk({ peer, rate, roundTripMs, queueBytes }, { there, heard }) {
  const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0, headersTimeout: 0 })
  server.listen({ port: 0, host: "127.0.0.1" })
  await once(server, "listening")
  const closeHub = peers[peer].serve(server, { there, heard })
  const modem = await Modem.start(server.address().port, { rate, roundTripMs, queueBytes })
  return {
    modem,
    client: undefined,
    dial(heard) {
      this.client = peers[peer].dial(modem.port, heard)
    },
    async close() {
      await Promise.race([this.client?.close(), pause(500)])
      await Promise.race([closeHub(), pause(500)])
      server.closeAllConnections()
      server.close()
      await modem.close()
    },
  }
}

/** The number of dials of each transport before the first welcome and after it. */
export function dialsOf(incidents) {
  const welcomed = incidents.findIndex(({ what }) => what === "welcomed")
  const dials = { before: {}, after: {} }
  incidents.forEach(({ what, transport }, index) => {
    if (what !== "dialed") return
    const when = welcomed < 0 || index < welcomed ? dials.before : dials.after
    when[transport] = (when[transport] ?? 0) + 1
  })
  return dials
}

/** Incidents in short: milliseconds since the first, the transport, what happened and why. */
export function linesOf(incidents) {
  return incidents.map(({ at, transport, what, closing }) =>
    [at - incidents[0].at, transport, what, closing?.code, closing?.reason]
      .filter((part) => part !== undefined)
      .join(" "),
  )
}
