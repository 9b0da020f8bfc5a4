// Measures single functions of packets and sessions: npm run bench:micro. Use it to compare commits on one machine and
// find what has become slower.
import { build } from "esbuild"
import { bench, do_not_optimize, group, run } from "mitata"
import { payload } from "./payload.mjs"

const parts = await bundleParts(
  "session/session",
  "session/clockwork",
  "session/outbox",
  "wire/batch",
  "wire/packet",
  "wire/payload",
  "messaging/dispatch",
)

const data = payload(1)
const text = JSON.stringify(data)
const message = parts.encodeMessage("chat", data)
const messages = Array(16).fill(message)
const batch16 = parts.encodeBatch(messages)
const bytes = parts.encodePacket("m", ["chat"], new Uint8Array(100))
const batchWithBytes = parts.encodeBatch([message, bytes])

group("encode", () => {
  bench("a message", () => do_not_optimize(parts.encodeMessage("chat", data)))
  bench("JSON.stringify alone", () => do_not_optimize(JSON.stringify(data)))
  bench("a batch of 16", () => do_not_optimize(parts.encodeBatch(messages)))
  bench("a batch with bytes", () => do_not_optimize(parts.encodeBatch([message, bytes])))
})

group("decode", () => {
  bench("a message", () => do_not_optimize(parts.readMessage(message)))
  bench("JSON.parse alone", () => do_not_optimize(JSON.parse(text)))
  bench("a batch of 16", () => do_not_optimize(parts.decodeBatch(batch16)))
  bench("a batch with bytes", () => do_not_optimize(parts.decodeBatch(batchWithBytes)))
})

group("session", () => {
  const { session, link, endTick } = startSession()
  session.hear(link, ["n1"])
  /** Sends this many packets in one tick. They are acknowledged as a channel does, so that the outbox stays small. */
  const say = (count) => {
    for (let n = 0; n < count; n++) session.say(message)
    endTick()
    if (session.said - session.acked >= 64) session.hear(link, [`a${session.said}`])
  }
  bench("say 1", () => say(1))
  bench("say 16 in a tick", () => say(16))
  bench("hear 1", () => {
    session.hear(link, [message])
    endTick()
  })
  bench("hear 16 in a batch", () => {
    session.hear(link, messages)
    endTick()
  })
  bench("hear an ack that is no news", () => session.hear(link, [`a${session.acked}`]))
})

await run()

/** A session on a link that discards its batches, with a clock that stands still and a tick that ends by a call. */
function startSession() {
  let later = []
  const runtime = { now: () => 0, after: () => () => {}, soon: (run) => void later.push(run), random: () => 0 }
  const host = { deliver() {}, control() {}, doubted() {}, silent() {}, answered() {} }
  const settings = {
    heartbeatMs: 20_000,
    heartbeatTimeoutMs: 30_000,
    ackMs: 250,
    ackPackets: 64,
    ackBytes: 65_536,
    prober: false,
  }
  const session = new parts.Session(new parts.Clockwork(runtime), host, settings)
  const link = { name: "none", bufferedBytes: 0, send() {}, close() {} }
  session.attach(link, 0)
  const endTick = () => {
    const due = later
    later = []
    for (const run of due) run()
  }
  return { session, link, endTick }
}

/** The package does not export these parts, so they are bundled from the sources. */
async function bundleParts(...files) {
  const contents = files.map((file) => `export * from "../src/${file}.ts"`).join("\n")
  const stdin = { contents, resolveDir: import.meta.dirname }
  const { outputFiles } = await build({ stdin, bundle: true, write: false, format: "esm", target: "es2022" })
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)
}
