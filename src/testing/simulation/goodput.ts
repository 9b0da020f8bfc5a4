import type { World } from "./application.ts"
import { isCalm } from "./calm.ts"
import { Broken } from "./failure.ts"
import { carryMs, setupMs } from "./rates.ts"
import type { Witness } from "./witness.ts"

/** A word may be heard in so many times the time that the network needs for it and for all that was said before it. */
const FACTOR = 2
/** On top of that: for a climb from the first rung to the last, and for round trips. */
const LATE_MS = 5_000
const ROUND_TRIPS = 6
/** What surrounds a word on the wire: kind, name, speaker and number. */
const AROUND_BYTES = 100

/**
 * Where nothing goes wrong, a word is heard about as soon as a network of this rate can have carried it and everything that
 * was said before it. The witness looks away from the first end of a session on: what was said to a side that has left is
 * never heard.
 */
export function createGoodputWitness(world: Pick<World, "runtime" | "plan" | "calm">): Witness {
  const { limits, latencyMs, jitterMs, channels } = world.plan
  const slackMs = LATE_MS + ROUND_TRIPS * 2 * (latencyMs + jitterMs) + FACTOR * setupMs(limits, channels)
  /** When the network would have carried all words of a direction, if it carried nothing else. */
  const freeAt = { up: 0, down: 0 }
  /** When each word has to have been heard. */
  const due = new Map<string, number>()
  let ended = false
  const end = (): void => {
    ended = true
  }
  return {
    said({ way, speaker, n, size }) {
      const now = world.runtime.now()
      freeAt[way] = Math.max(freeAt[way], now) + carryMs(limits, way, size + AROUND_BYTES)
      due.set(`${speaker} ${n}`, now + FACTOR * (freeAt[way] - now) + slackMs)
    },
    heard({ speaker, n }) {
      due.delete(`${speaker} ${n}`)
    },
    reset: end,
    channelClosed: end,
    peerClosed: end,
    check() {
      if (ended || !isCalm(world)) return
      const now = world.runtime.now()
      for (const [word, at] of due) {
        if (now > at)
          throw new Broken("goodput", `${now - at} ms ago the word of ${word} was to be heard at the latest`)
      }
    },
  }
}
