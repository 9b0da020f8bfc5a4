import { Broken } from "./failure.ts"
import type { Witness } from "./witness.ts"

/** What a side has heard in a session is the beginning of what the other side said in it, word after word. */
export function createPrefixWitness(): Witness {
  /** Number of the word with which each session of a channel began. */
  const starts = new Map<string, Set<number>>()
  /** Number behind the last word of a channel that a hub has heard, or that a reset has told. */
  const ends = new Map<string, number>()
  /** What is due next: up at a peer, down of a peer. */
  const due = new Map<string, number>()
  const startsOf = (channel: string): Set<number> => {
    const set = starts.get(channel) ?? new Set([0])
    starts.set(channel, set)
    return set
  }
  return {
    heard({ way, speaker, n }, by) {
      const session = way === "up" ? `up ${by}` : `down ${speaker}`
      const next = due.get(session) ?? (way === "up" && startsOf(speaker).has(n) ? n : 0)
      if (n !== next) throw new Broken("prefix", `${by} heard ${n} of ${speaker} when ${next} was due`)
      due.set(session, n + 1)
      if (way === "up") ends.set(speaker, Math.max(n + 1, ends.get(speaker) ?? 0))
    },
    reset(channel, uncertain, onReset) {
      const [first] = uncertain
      const last = uncertain.at(-1)
      const end = Math.max(ends.get(channel) ?? 0, last === undefined ? 0 : last.n + 1)
      ends.set(channel, end)
      startsOf(channel).add(onReset === "resend" && first !== undefined ? first.n : end)
    },
  }
}
