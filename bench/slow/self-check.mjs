// Checks that the simulated modem keeps its rates and delays: node slow/self-check.mjs
import { once } from "node:events"
import { connect, createServer } from "node:net"
import { Modem } from "./modem.mjs"

const checks = [
  { rate: 20e3, roundTripMs: 600, queueBytes: 64_000, bytes: 10_000 },
  { rate: 150e3, roundTripMs: 20, queueBytes: 64_000, bytes: 60_000 },
  { rate: 500e3, roundTripMs: 200, queueBytes: 2_000_000, bytes: 250_000 },
  { rate: 2e6, roundTripMs: 200, queueBytes: 64_000, bytes: 1_000_000 },
  { rate: 20e6, roundTripMs: 20, queueBytes: 64_000, bytes: 8_000_000 },
]

let failed = false
for (const check of checks) {
  const { rate, roundTripMs, bytes } = check
  const { firstMs, wholeMs, queuedBytes } = await flood(check)
  const measured = (bytes * 8_000) / (wholeMs - roundTripMs / 2)
  const isRight =
    Math.abs(measured / rate - 1) < 0.03 &&
    firstMs >= roundTripMs / 2 &&
    firstMs < roundTripMs / 2 + Math.max(10, (1_460 * 8_000) / rate) &&
    queuedBytes <= check.queueBytes + 1_460
  failed ||= !isRight
  console.log(
    `${isRight ? "right" : "WRONG"}: ${rate / 1e3} kbit/s measured ${(measured / 1e3).toFixed(1)}, ` +
      `delay ${roundTripMs / 2} ms, first bytes after ${firstMs.toFixed(1)} ms, at most ${queuedBytes} bytes queued`,
  )
}
const share = await fairShare()
failed ||= Math.abs(share - 0.5) > 0.05
console.log(`${Math.abs(share - 0.5) > 0.05 ? "WRONG" : "right"}: of two floods one gets ${(share * 100).toFixed(0)} %`)
process.exitCode = failed ? 1 : 0

/** A server sends this many bytes to a client as fast as it can. */
async function flood({ bytes, ...options }) {
  const { modem, close } = await open(options, (socket) => socket.end(Buffer.alloc(bytes)))
  const startedAt = performance.now()
  const client = connect(modem.port, "127.0.0.1")
  let heard = 0
  let firstMs = 0
  let queuedBytes = 0
  client.on("data", (piece) => {
    firstMs ||= performance.now() - startedAt
    heard += piece.length
    queuedBytes = Math.max(queuedBytes, modem.down.queuedBytes)
  })
  await once(client, "end")
  const wholeMs = performance.now() - startedAt
  if (heard !== bytes) throw new Error(`${heard} of ${bytes} bytes came`)
  client.destroy()
  await close()
  return { firstMs, wholeMs, queuedBytes }
}

/** Floods two connections at once, and returns the first one's share of the bytes after a while. */
async function fairShare() {
  const options = { rate: 2e6, roundTripMs: 20, queueBytes: 64_000 }
  const { modem, close } = await open(options, (socket) => socket.write(Buffer.alloc(8_000_000)))
  const heard = [0, 0]
  const clients = heard.map((_, n) => connect(modem.port, "127.0.0.1").on("data", ({ length }) => (heard[n] += length)))
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  for (const client of clients) client.destroy()
  await close()
  return heard[0] / (heard[0] + heard[1])
}

async function open(options, serve) {
  const sockets = new Set()
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}))
    serve(socket)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const modem = await Modem.start(server.address().port, options)
  const close = async () => {
    await modem.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { modem, close }
}
