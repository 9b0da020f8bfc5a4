import { Broken } from "./failure.ts"
import type { Witness } from "./witness.ts"

/**
 * Checks the reports of both ends about what was delivered when a session ends. A word that a channel's reset does not
 * report was heard or is said again. A word that a peer does not count as undelivered was heard. All words before a
 * resolved `flush` were heard.
 */
export function createUncertaintyWitness(): Witness {
  const said = new Map<string, number>()
  const heard = new Map<string, number>()
  /** Messages that may be dropped. Those that were not, and were not acknowledged, count as undelivered too. */
  const rumoured = new Map<string, number>()
  /** By channel: a count. Each word with a lower number was heard or was reported. */
  const settled = new Map<string, number>()
  /** By channel: the numbers of heard words that `settled` does not cover yet. */
  const beyond = new Map<string, Set<number>>()
  const undelivered = new Map<string, number>()
  /** By peer: how many words may be neither heard nor told as undelivered. */
  const missable = new Map<string, number>()
  const count = (map: Map<string, number>, key: string): number => map.get(key) ?? 0
  const settle = (channel: string): number => {
    const ahead = beyond.get(channel)
    let next = count(settled, channel)
    while (ahead?.delete(next)) next++
    settled.set(channel, next)
    return next
  }
  return {
    said({ speaker }) {
      said.set(speaker, count(said, speaker) + 1)
    },
    rumoured(_way, speaker) {
      rumoured.set(speaker, count(rumoured, speaker) + 1)
    },
    heard({ way, speaker, n }) {
      if (way === "down") heard.set(speaker, count(heard, speaker) + 1)
      else beyond.set(speaker, (beyond.get(speaker) ?? new Set()).add(n))
    },
    reset(channel, uncertain, onReset) {
      const next = settle(channel)
      const first = uncertain[0]?.n
      for (const [index, { n }] of uncertain.entries()) {
        if (n !== (first ?? 0) + index) throw new Broken("agreement", `${channel} reports ${n} out of its place`)
        if (n >= count(said, channel)) throw new Broken("agreement", `${channel} reports ${n}, which it never said`)
      }
      if (first === undefined) return
      if (first > next) throw new Broken("agreement", `${channel} reports from ${first} on, and ${next} was not heard`)
      const end = first + uncertain.length
      const heardLast = Math.max(next - 1, ...(beyond.get(channel) ?? []))
      // With `resend` a later word may have been heard already, in an earlier session that sent it too.
      if (onReset === "report" && heardLast >= end) {
        throw new Broken("agreement", `${channel} will say ${heardLast} again as unheard, and it was heard`)
      }
      settled.set(channel, Math.max(next, end))
    },
    flushed(channel, words) {
      const next = settle(channel)
      if (next < words)
        throw new Broken("agreement", `${channel} was told that ${words} words were heard: ${next} were`)
    },
    peerClosed(peer, lost) {
      undelivered.set(peer, lost)
      if (lost > count(said, peer) + count(rumoured, peer))
        throw new Broken("agreement", `${peer} counts ${lost} words, it said fewer`)
      if (count(heard, peer) + lost < count(said, peer) - count(missable, peer)) {
        throw new Broken(
          "agreement",
          `${peer} said ${count(said, peer)}: ${count(heard, peer)} were heard and only ${lost} are told as undelivered`,
        )
      }
    },
    mayMiss: (peer, { size }) => void missable.set(peer, count(missable, peer) + size),
    peerLives: (peer) => void undelivered.delete(peer),
    over(lostPeers) {
      for (const peer of said.keys()) {
        const isPeer = !peer.startsWith("channel ")
        if (isPeer && !undelivered.has(peer) && !lostPeers.has(peer)) {
          throw new Broken("agreement", `${peer} said something, and nobody was told of its end`)
        }
      }
    },
  }
}
