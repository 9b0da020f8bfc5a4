import { WEBSOCKETS } from "./cases.mjs"

const AT_ONCE = 10

/** Clients connect, are sent a message at once, and leave. */
export const connect = {
  name: "connect",
  title: "Connections, from the first byte to the first message and the end",
  figures: ["cpu", "perSecond"],
  /**
   * A round has some hundred connections, and each runs most of the server's code only once: so more warm-up rounds.
   */
  warmUp: 20,
  variants: [{ name: "websocket", reference: "ws", cases: WEBSOCKETS }],

  async prepare(bench) {
    await bench.server.call("greet")
  },

  async round(bench) {
    let connections = 0
    const comeAndGo = async () => {
      await new Promise((resolve, reject) => {
        const opening = bench.openReader(() => opening.then((wire) => resolve(wire.close()), reject))
      })
      connections++
    }
    const { cpuUs, ms } = await bench.spent(async () => {
      await bench.forRound(() => Promise.all(Array.from({ length: AT_ONCE }, comeAndGo)))
      await bench.server.settled(0)
    })
    return { cpu: cpuUs / connections, perSecond: connections / (ms / 1_000) }
  },
}
