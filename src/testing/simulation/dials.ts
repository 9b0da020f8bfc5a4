import { isCalm } from "./calm.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** Dials of one transport per channel: the first one, and a hedge if the first is not answered in time. */
const TRIES = 2

/** Checks that without faults a channel does not dial a transport again and again, even on a slow network. */
export const dials: Checker = {
  check(world) {
    const { plan, everyChannel, network } = world
    const most = TRIES * plan.transports.length * everyChannel.length
    if (isCalm(world) && network.dials > most) {
      throw new Broken("dials", `${network.dials} dials for ${everyChannel.length} channels, and nothing has happened`)
    }
  },
}
