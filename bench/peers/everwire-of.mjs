import { openEverwire } from "../wire/everwire.mjs"
import { BEAT_MS } from "./settings.mjs"

/**
 * A build of everwire as a peer: what its entry points for the client and for Node export. `limits`: those that stand in the
 * way of a load of thousands from one address, as far as this build has them.
 */
export const everwireOf = ({ createChannel }, { createHub }, limits = {}) => ({
  transports: ["websocket", "sse", "long-poll"],

  serve({ server, application }) {
    const hub = createHub({
      speakMs: BEAT_MS,
      patienceMs: 2 * BEAT_MS,
      limits: { maxSessionsPerAddress: 100_000, maxUnwelcomedLinks: 100_000, ...limits },
    })
    hub.onPeer((peer) => {
      peer.onClose(() => application.left(peer))
      application.connected(peer)
    })
    hub.on("echo", (data, peer) => application.heard(peer, "echo", data))
    hub.on("up", (data, peer) => application.heard(peer, "up", data))
    hub.attach(server)
    return {
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
