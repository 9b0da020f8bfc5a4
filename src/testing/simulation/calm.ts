import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** Longer than this takes a round trip on a slow network, and a probe may be given up that would have been answered. */
const SLOW_MS = 120

/** Where nothing goes wrong, nothing is doubted and no channel is ever away: what works is left in peace. */
export const calm: Checker = {
  check({ calm, plan, running }) {
    if (!calm || plan.latencyMs + plan.jitterMs > SLOW_MS) return
    for (const { name, channel } of running) {
      if (channel.status === "reconnecting") throw new Broken("calm", `${name} is away, and nothing has happened`)
      const odd = channel.explain().incidents.find(({ what }) => what === "doubted" || what === "closed")
      if (odd !== undefined) throw new Broken("calm", `${odd.transport} of ${name} was ${odd.what} for no reason`)
    }
  },
}
