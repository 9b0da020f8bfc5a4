import { setTimeout as pause, setImmediate as turn } from "node:timers/promises"
import { PAYLOAD_BYTES, payload } from "../payload.mjs"
import { WEBSOCKETS } from "./cases.mjs"

const MESSAGES = 256

/** Bytes over one TCP connection per message, in both directions together, so that acks and numbers are included. */
export const bytes = {
  name: "bytes",
  title: "Bytes on the wire above name and payload (100 bytes), one message per tick",
  figures: ["up", "down", "handshake"],
  variants: [{ name: "websocket", reference: "ws", cases: WEBSOCKETS }],
  once: 1,

  async round(bench) {
    await bench.openWires(1)
    const [wire] = bench.wires
    const crossed = () => wire.sockets.reduce((sum, { bytesRead, bytesWritten }) => sum + bytesRead + bytesWritten, 0)
    const above = (before, name) => (crossed() - before) / MESSAGES - PAYLOAD_BYTES - name.length
    const handshake = crossed()
    const { heard } = await bench.server.call("count")
    for (let n = 0; n < MESSAGES; n++) {
      wire.say("up", [payload(n)])
      await turn()
    }
    while ((await bench.server.call("count")).heard < heard + MESSAGES) await pause(5)
    // Acks that are sent after a delay arrive within this time.
    await pause(300)
    const up = above(handshake, "up")
    const before = crossed()
    const all = bench.until(bench.heard + MESSAGES)
    await bench.server.call("down", MESSAGES, 1, 0)
    await all
    return { up, down: above(before, "down"), handshake }
  },
}
