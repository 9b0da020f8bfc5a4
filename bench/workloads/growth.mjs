import { broadcast } from "./broadcast.mjs"
import { WITH_ROOMS } from "./cases.mjs"

/** The cost of a broadcast per delivery, for growing numbers of peers. */
export const growth = {
  ...broadcast,
  name: "growth",
  title: "Broadcast, as the clients grow",
  variants: [100, 1_000, 10_000].map((receivers) => ({
    name: `${receivers} clients`,
    reference: "ws",
    receivers,
    ticks: Math.max(1, 20_000 / receivers),
    perTick: 1,
    cases: WITH_ROOMS,
  })),
}
