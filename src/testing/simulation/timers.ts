import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** Checks that an open channel has few timers, and that closed channels and hubs have none. */
export const timers: Checker = {
  check({ everyChannel, everyHub, listening, running, application }) {
    for (const { name, channel, machine } of running) {
      // One timer of the session, one of the connector, a timeout for each request, and one for all messages with `ttlMs`.
      const most = 2 + (application.waiting?.(channel) ?? Number.POSITIVE_INFINITY)
      if (machine.pending() > most) throw new Broken("timers", `${name} has ${machine.pending()}, ${most} are enough`)
    }
    for (const { name, ended, machine } of everyChannel) if (ended !== undefined) silent(name, machine.pending())
    for (const hub of everyHub) if (!listening.includes(hub)) silent(hub.name, hub.machine.pending())
  },
  closed({ runtime, network }) {
    if (network.wires.length > 0) throw new Broken("timers", `${network.wires.length} links are left`)
    if (runtime.pending() > 0) throw new Broken("timers", `${runtime.pending()} timers are left`)
  },
}

function silent(who: string, timers: number): void {
  if (timers > 0) throw new Broken("timers", `${who} has closed and left ${timers} timers`)
}
