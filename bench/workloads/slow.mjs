import { Modem } from "../slow/modem.mjs"

const BYTES = 300_000
const LINK = { rate: 2e6, roundTripMs: 40, queueBytes: 2_000_000 }

/** A client connects over a slow link and is sent a large message at once. */
export const slow = {
  name: "slow",
  title: "300 kB said on connect, over a link of 2 Mbit/s with a round trip of 40 ms",
  figures: ["last"],
  variants: [
    {
      name: "2 Mbit/s",
      reference: "ws",
      cases: [
        ["ws", "websocket"],
        ["everwire", "websocket"],
        ["socket.io", "websocket"],
        ["everwire", "sse"],
        ["everwire", "long-poll"],
        ["socket.io", "long-poll"],
      ],
    },
  ],
  /** The link is the bottleneck, so all peers can run at the same time. */
  once: 5,

  async prepare(bench) {
    await bench.server.call("greet", BYTES)
    bench.modem = await Modem.start(bench.port, LINK)
  },

  async round(bench) {
    const startedAt = performance.now()
    let client
    const last = await new Promise((resolve, reject) => {
      const heard = () => resolve(performance.now() - startedAt)
      client = bench.connect(heard, bench.modem.port).catch(reject)
    })
    ;(await client).close()
    return { last }
  },
}
