import { WITH_ROOMS } from "./cases.mjs"

const CLIENTS = 1_000

/**
 * Sends a message to one room after another. The number of clients is fixed, so there are fewer rooms if they are
 * larger.
 */
export const rooms = {
  name: "rooms",
  title: `Rooms of ${CLIENTS} clients, as they grow`,
  figures: ["cpu"],
  variants: [10, 100, 1_000].map((size) => ({
    name: `${CLIENTS / size} rooms of ${size}`,
    reference: "ws",
    size,
    cases: WITH_ROOMS,
  })),

  async prepare(bench, { size }) {
    await bench.openWires(CLIENTS)
    await bench.server.call("rooms", size)
  },

  async round(bench, { size }) {
    const ticks = 10_000 / size
    let calls = 0
    const { cpuUs } = await bench.spent(() =>
      bench.forRound(async () => {
        const all = bench.until(bench.heard + ticks * size)
        await bench.server.call("toRooms", ticks, CLIENTS / size)
        await all
        calls++
      }),
    )
    return { cpu: cpuUs / (calls * ticks * size) }
  },
}
