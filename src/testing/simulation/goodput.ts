import type { World } from "./application.ts"
import { isCalm } from "./calm.ts"
import { Broken } from "./failure.ts"
import { carryMs, setupMs } from "./rates.ts"
import type { Witness } from "./witness.ts"

/** A word may take this many times as long as the network needs for it and all words before it. */
const FACTOR = 2
/** Added to that: time to dial from the first rung to the last, and a number of round trips. */
const LATE_MS = 5_000
const ROUND_TRIPS = 6
/** Bytes around a word on the wire: kind, name, speaker and number. */
const AROUND_BYTES = 100

/**
 * Checks that without faults a word is heard soon after a network of this rate can have carried it and all words before
 * it. The witness stops checking when the first session ends, because words to a side that has closed are never heard.
 */
export function createGoodputWitness(world: Pick<World, "runtime" | "plan" | "calm">): Witness {
  const { limits, latencyMs, jitterMs, channels } = world.plan
  const slackMs = LATE_MS + ROUND_TRIPS * 2 * (latencyMs + jitterMs) + FACTOR * setupMs(limits, channels)
  /** The moment at which the network could have carried all words of a direction, if it carried nothing else. */
  const freeAt = { up: 0, down: 0 }
  /** The deadline of each word that was not heard yet. */
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
    rumoured(way, _speaker, size) {
      freeAt[way] = Math.max(freeAt[way], world.runtime.now()) + carryMs(limits, way, size + AROUND_BYTES)
    },
    carried(way, bytes) {
      freeAt[way] = Math.max(freeAt[way], world.runtime.now()) + carryMs(limits, way, bytes)
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
