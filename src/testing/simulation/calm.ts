import type { World } from "./application.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** With a latency above this (in milliseconds), a channel may give up a probe that would still be answered. */
const SLOW_MS = 120

/**
 * Checks that without faults no link is doubted or closed and no channel reconnects, however low the network's rate.
 */
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

/** Whether there was no fault so far, and round trips are too short to be mistaken for one. */
export function isCalm({ calm, plan }: Pick<World, "calm" | "plan">): boolean {
  return calm && plan.latencyMs + plan.jitterMs <= SLOW_MS
}
