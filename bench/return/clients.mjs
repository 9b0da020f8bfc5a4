// The clients that reconnect: node clients.mjs <peer> <transport or "default"> <port>
import { io } from "socket.io-client"
import { createChannel } from "../../dist/index.js"
import { answer } from "../processes.mjs"

const [peer, transport, port] = process.argv.slice(2)
const url = `http://127.0.0.1:${port}`
const chosen = transport === "default" ? {} : { transports: [transport] }
/** When each client was last greeted by the server, in milliseconds since the epoch. */
const greetedAt = []
const channels = []

function open(index) {
  return new Promise((resolve) => {
    const greeted = () => {
      greetedAt[index] = Date.now()
      resolve()
    }
    if (peer === "everwire") {
      const channel = createChannel(url, { ...chosen, store: null })
      channels.push(channel)
      channel.on("welcome", greeted)
    } else io(url, { ...chosen, forceNew: true }).on("welcome", greeted)
  })
}

/** CPU of this process so far, in milliseconds. */
const cpuMs = () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000

answer({
  /** Opens this many clients, several at once. Resolves when all have been greeted. */
  async open(count) {
    for (let begun = 0; begun < count; begun += 50) {
      await Promise.all(Array.from({ length: Math.min(50, count - begun) }, (_, i) => open(begun + i)))
    }
  },
  greetedAt: () => greetedAt,
  cpuMs,
  /** For everwire: the number of incidents since then, by transport, kind and code. */
  incidents(since) {
    const counts = {}
    for (const channel of channels) {
      for (const { at, transport: rung, what, closing } of channel.explain().incidents) {
        if (at < since) continue
        const kind = `${rung} ${what} ${closing?.code ?? ""}`.trim()
        counts[kind] = (counts[kind] ?? 0) + 1
      }
    }
    return counts
  },
})
