import type { Code } from "../../wire/errors.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** How a channel may end when nobody attacks it. */
const ENDS: readonly Code[] = ["closed", "closed-by-peer", "buffer-full", "unauthorized"]

/** Both ends keep the protocol: neither accuses the other, no channel ends by itself, and nothing throws unheard. */
export function createHonestyChecker(): Checker {
  /** Which links there were at the last look: while they are the same, nobody has accused anybody. */
  let links = ""
  return {
    check({ everyHub, everyChannel, running, network }) {
      for (const { name, machine } of [...everyHub, ...everyChannel]) {
        if (machine.reported.length > 0) throw new Broken("honesty", `${name} failed: ${describe(machine.reported[0])}`)
      }
      for (const { name, ended } of everyChannel) {
        if (ended !== undefined && !ENDS.includes(ended.code)) {
          throw new Broken("honesty", `${name} ended by itself: ${ended.code}, ${ended.reason}`)
        }
      }
      for (const { name, gaveUp } of running) {
        if (gaveUp) throw new Broken("honesty", `${name} gave up a session whose link worked`)
      }
      const { wires } = network
      const now = `${wires.length} ${wires.at(-1)?.number}`
      if (now === links) return
      links = now
      for (const { name, channel } of running) {
        for (const { closing } of channel.explain().incidents) {
          if (closing?.code === "protocol-error") throw new Broken("honesty", `${name} was accused: ${closing.reason}`)
        }
      }
    },
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
