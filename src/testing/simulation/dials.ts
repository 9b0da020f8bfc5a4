import { isCalm } from "./calm.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** Dials of one transport that a channel may need: that of its climb, and one more where the first had no answer yet. */
const TRIES = 2

/** Where nothing goes wrong, a channel dials each transport and is done: a slow network is not asked again and again. */
export const dials: Checker = {
  check(world) {
    const { plan, everyChannel, network } = world
    const most = TRIES * plan.transports.length * everyChannel.length
    if (isCalm(world) && network.dials > most) {
      throw new Broken("dials", `${network.dials} dials for ${everyChannel.length} channels, and nothing has happened`)
    }
  },
}
