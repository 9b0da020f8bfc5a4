import type { Code } from "../../wire/errors.ts"
import type { Checker } from "./checker.ts"
import { Broken } from "./failure.ts"

/** The codes with which a channel may close in a simulation. */
const ENDS: readonly Code[] = ["closed", "closed-by-peer", "buffer-full", "unauthorized"]

/**
 * Checks that both ends keep the protocol: no link ended with `protocol-error`, no channel closed with an unexpected
 * code or gave up a working session, and no machine was given an error to report.
 */
export function createHonestyChecker(): Checker {
  /** The links at the last check. While they are the same, there is no new incident to look for. */
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
