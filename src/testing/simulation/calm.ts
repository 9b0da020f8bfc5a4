import type { World } from "./application.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** Where the latency is longer than this, a probe may be given up that would have been answered. */
const SLOW_MS = 120

/** Where nothing goes wrong, nothing is doubted and no channel is ever away, however slow the network carries. */
export const calm: Checker = {
  check(world) {
    if (!isCalm(world)) return
    for (const { name, channel } of world.running) {
      if (channel.status === "reconnecting") throw new Broken("calm", `${name} is away, and nothing has happened`)
      const odd = channel.explain().incidents.find(({ what }) => what === "doubted" || what === "closed")
      if (odd !== undefined) throw new Broken("calm", `${odd.transport} of ${name} was ${odd.what} for no reason`)
    }
  },
}

/** Whether nothing has gone wrong, and round trips are so short that nothing may look as if it had. */
export function isCalm({ calm, plan }: Pick<World, "calm" | "plan">): boolean {
  return calm && plan.latencyMs + plan.jitterMs <= SLOW_MS
}
