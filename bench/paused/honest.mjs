// Clients that send requests and read their answers: node honest.mjs <peer> <transport> <port>
import { setTimeout as sleep } from "node:timers/promises"
import { io } from "socket.io-client"
import { createChannel } from "../../dist/index.js"
import { answer } from "../processes.mjs"

const [peer, transport, port] = process.argv.slice(2)
const url = `http://127.0.0.1:${port}`
/** Interval between the requests of one client: load, but no queue. */
const EVERY_MS = 100
/** A request that is not answered within this time counts as this long. */
const LONGEST_MS = 10_000
const clients = []

async function open() {
  if (peer === "everwire") {
    const channel = createChannel(url, { transports: [transport], store: null })
    await channel.opened
    return () => channel.request("echo", 1, { timeoutMs: LONGEST_MS })
  }
  const socket = io(url, { transports: [transport], forceNew: true })
  await new Promise((resolve) => socket.on("connect", resolve))
  return () => socket.timeout(LONGEST_MS).emitWithAck("echo", 1)
}

answer({
  async open(count) {
    for (let n = 0; n < count; n++) clients.push(await open())
  },
  /** All ask for this long. Resolves with the round trips' 50th and 99th percentile, in milliseconds. */
  async ask(forMs) {
    const took = []
    const until = performance.now() + forMs
    await Promise.all(
      clients.map(async (request, n) => {
        await sleep((EVERY_MS * n) / clients.length)
        for (let from = performance.now(); from < until; from = performance.now()) {
          try {
            await request()
            took.push(performance.now() - from)
          } catch {
            took.push(LONGEST_MS)
          }
          await sleep(Math.max(0, EVERY_MS - (performance.now() - from)))
        }
      }),
    )
    took.sort((one, other) => one - other)
    const of = (part) => took[Math.floor(part * (took.length - 1))] ?? LONGEST_MS
    return { p50: of(0.5), p99: of(0.99) }
  },
})
