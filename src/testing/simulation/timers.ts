import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** So long after a hub has closed, something of the backplane may still be on its way to it, in milliseconds. */
export const ON_THE_WAY_MS = 6_000

/** Checks that an open channel has few timers, and that closed channels and hubs have none. */
export const timers: Checker = {
  check({ everyChannel, everyHub, running, application, cluster, runtime }) {
    for (const { name, channel, machine } of running) {
      // One timer of the session, one of the connector, a timeout for each request, and one for all messages with `ttlMs`.
      const most = 2 + (application.waiting?.(channel) ?? Number.POSITIVE_INFINITY)
      if (machine.pending() > most) throw new Broken("timers", `${name} has ${machine.pending()}, ${most} are enough`)
    }
    for (const { name, ended, machine } of everyChannel) if (ended !== undefined) silent(name, machine.pending())
    const longAgo = runtime.now() - (cluster === undefined ? 0 : ON_THE_WAY_MS)
    for (const { name, endedAt = Number.POSITIVE_INFINITY, machine } of everyHub) {
      if (endedAt <= longAgo) silent(name, machine.pending())
    }
  },
  closed({ runtime, network, everyHub }) {
    for (const { name, machine } of everyHub) silent(name, machine.pending())
    if (network.wires.length > 0) throw new Broken("timers", `${network.wires.length} links are left`)
    if (runtime.pending() > 0) throw new Broken("timers", `${runtime.pending()} timers are left`)
  },
}

function silent(who: string, timers: number): void {
  if (timers > 0) throw new Broken("timers", `${who} has closed and left ${timers} timers`)
}
