import type { Contract } from "../../messaging/contract.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"
import type { RunningHub } from "./running.ts"
import type { SimulatedWorld } from "./simulated-world.ts"

/** With less time to drain than this, in milliseconds, a hub may end sessions that it could have handed over. */
const LEAST_DRAIN_MS = 1_000
/** Another process can take sessions when it has been there for so long, in milliseconds. */
const KNOWN_MS = 5_000
/** Two processes may both have a session for so long while one hands it over to the other, in milliseconds. */
const BOTH_MS = 15_000

/**
 * Checks of a cluster without disturbances that a process which drains hands all of its sessions over, that no channel
 * loses a session that its process has, and that two processes do not keep having the same session.
 */
export function createHandOverChecker(): Checker {
  /** Since when several processes have a peer, by its id. */
  let both = new Map<string, number>()
  return {
    check(world) {
      if (world.cluster === undefined) return
      for (const hub of world.everyHub) checkDrain(world, hub)
      const now = world.runtime.now()
      const since = new Map<string, number>()
      for (const id of twice(world)) since.set(id, world.steady ? (both.get(id) ?? now) : now)
      both = since
      for (const [id, at] of both) {
        if (now > at + BOTH_MS) throw new Broken("fencing", `two processes have ${id} for ${now - at} ms`)
      }
    },
  }
}

function checkDrain<C extends Contract<C>>(
  world: SimulatedWorld<C>,
  { name, drain, cutOff, startedAt }: RunningHub<C>,
): void {
  const [id] = cutOff.splice(0)
  if (id === undefined || drain === undefined || drain.drainMs < LEAST_DRAIN_MS) return
  if (!drain.wasSteady || startedAt > drain.since - KNOWN_MS) return
  const isTaken = world.listening.some(({ startedAt }) => startedAt < drain.since - KNOWN_MS)
  const isCrashed = world.everyHub.some(
    ({ machine, endedAt = 0 }) => machine.halted && endedAt > drain.since - KNOWN_MS,
  )
  if (isTaken && !isCrashed) throw new Broken("hand-over", `${name} has ended ${id} in place of handing it over`)
}

/** The peers that several processes have. */
function twice<C extends Contract<C>>({ everyHub }: SimulatedWorld<C>): string[] {
  const ids = everyHub
    .filter(({ machine }) => !machine.halted && !machine.asleep)
    .flatMap(({ hub }) => [...hub.peers.keys()])
  return ids.filter((id, at) => ids.indexOf(id) < at)
}
