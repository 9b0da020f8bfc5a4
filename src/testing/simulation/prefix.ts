import { Broken } from "./failure.ts"
import type { Witness } from "./witness.ts"

/** Checks that in each session a side hears the other side's words in order, from the first one, without a gap. */
export function createPrefixWitness(): Witness {
  /** By channel: the numbers of the words with which its sessions may begin. */
  const starts = new Map<string, Set<number>>()
  /** By channel: the number after the last word that a hub has heard or that a reset has reported. */
  const ends = new Map<string, number>()
  /** By channel: the number after the word that a hub has heard last. Words that are sent again are heard again. */
  const lastHeard = new Map<string, number>()
  /** The number of the next word: `up` and the peer that hears it, or `down` and the peer that says it. */
  const due = new Map<string, number>()
  /** By peer: words that may never be heard. */
  const missable = new Map<string, ReadonlySet<number>>()
  const startsOf = (channel: string): Set<number> => {
    const set = starts.get(channel) ?? new Set([0])
    starts.set(channel, set)
    return set
  }
  return {
    heard({ way, speaker, n }, by) {
      const session = way === "up" ? `up ${by}` : `down ${speaker}`
      let next = due.get(session) ?? (way === "up" && startsOf(speaker).has(n) ? n : 0)
      if (way === "down") while (next < n && missable.get(speaker)?.has(next)) next++
      if (n !== next) throw new Broken("prefix", `${by} heard ${n} of ${speaker} when ${next} was due`)
      due.set(session, n + 1)
      if (way === "down") return
      ends.set(speaker, Math.max(n + 1, ends.get(speaker) ?? 0))
      lastHeard.set(speaker, n + 1)
    },
    mayMiss(peer, words) {
      missable.set(peer, new Set([...(missable.get(peer) ?? []), ...words]))
    },
    reset(channel, uncertain, onReset) {
      const [first] = uncertain
      const last = uncertain.at(-1)
      const end = Math.max(ends.get(channel) ?? 0, last === undefined ? 0 : last.n + 1)
      ends.set(channel, end)
      const starts = startsOf(channel)
      if (onReset !== "resend") starts.add(end)
      else if (first !== undefined) starts.add(first.n)
      // The session that has ended may have heard fewer of the words that were sent again than the one before it.
      else starts.add(end).add(lastHeard.get(channel) ?? 0)
    },
  }
}
