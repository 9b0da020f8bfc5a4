import { openEverwire } from "../wire/everwire.mjs"
import { BEAT_MS } from "./settings.mjs"

/** Limits per address, raised, because thousands of clients connect from one address here. */
const ofConnections = { maxSessionsPerAddress: 100_000, maxUnwelcomedLinks: 100_000 }
const limits = {
  ...ofConnections,
  maxUnwelcomedLinksPerAddress: Infinity,
  maxMessagesPerSecond: Infinity,
  maxBytesPerSecond: Infinity,
  maxExchangesPerSecond: Infinity,
  maxHellosPerSecond: Infinity,
}

/** The hub's options: first with the names of this build, then with those of earlier builds. */
const named = [
  { heartbeatMs: BEAT_MS, heartbeatTimeoutMs: 2 * BEAT_MS, limits },
  { speakMs: BEAT_MS, patienceMs: 2 * BEAT_MS, limits },
  { speakMs: BEAT_MS, patienceMs: 2 * BEAT_MS, limits: ofConnections },
]

/** Makes a peer of a build of everwire, from the exports of its client entry and its Node entry. */
export const everwireOf = ({ createChannel }, { createHub }) => ({
  transports: ["websocket", "sse", "long-poll"],

  /** `more`: options of the hub beside the common ones. */
  serve({ server, application, more }) {
    const hub = firstOf(createHub, more)
    hub.onPeer((peer) => {
      peer.onClose(() => application.left(peer))
      application.connected(peer)
    })
    hub.on("echo", (data, peer) => application.heard(peer, "echo", data))
    hub.on("up", (data, peer) => application.heard(peer, "up", data))
    hub.attach(server)
    return {
      hub,
      send: (peer, name, data) => peer.send(name, data),
      broadcast: (name, data) => hub.send(name, data),
      join: (peer, room) => peer.join(room),
      toRoom: (room, name, data) => hub.to(room).send(name, data),
    }
  },

  async connect({ port, transport, heard }) {
    const channel = createChannel(`http://127.0.0.1:${port}`, { transports: [transport] })
    channel.on("echo", heard)
    channel.on("down", heard)
    await channel.opened
    return { send: (name, data) => channel.send(name, data), close: () => channel.close() }
  },

  openWire: openEverwire,
})

/** Makes a hub with the first of these option sets that this build accepts. */
function firstOf(createHub, more) {
  const refusals = []
  for (const options of named) {
    try {
      return createHub({ ...options, ...more })
    } catch (error) {
      refusals.push(error)
    }
  }
  throw new AggregateError(refusals, "this build takes none of the options")
}
