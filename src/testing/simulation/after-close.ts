import { Broken } from "./failure.ts"
import type { Witness } from "./witness.ts"

/**
 * Checks that a side hears nothing after it has closed, and that a channel hears nothing of a session before a reset.
 */
export function createAfterCloseWitness(): Witness {
  /** Names of closed channels, ids of closed peers, and `peer channel` for each peer from before a reset. */
  const over = new Set<string>()
  /** By channel: the peers whose words it has heard since its last reset. */
  const peers = new Map<string, Set<string>>()
  return {
    heard({ way, speaker, n }, by) {
      if (over.has(by)) throw new Broken("nothing after the end", `${by} had closed and heard ${n} of ${speaker}`)
      if (way === "up") return
      if (over.has(`${speaker} ${by}`)) {
        throw new Broken("nothing after the end", `${by} was reset and heard ${n} of ${speaker}, its peer before`)
      }
      peers.set(by, (peers.get(by) ?? new Set()).add(speaker))
    },
    reset(channel) {
      for (const peer of peers.get(channel) ?? []) over.add(`${peer} ${channel}`)
      peers.delete(channel)
    },
    channelClosed: (channel) => void over.add(channel),
    peerClosed: (peer) => void over.add(peer),
    peerLives: (peer) => void over.delete(peer),
  }
}
