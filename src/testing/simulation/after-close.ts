import { Broken } from "./failure.ts"
import type { Witness } from "./witness.ts"

/** Who has closed hears nothing more, and after a reset nothing of the session before it is heard. */
export function createAfterCloseWitness(): Witness {
  /** Channels that have closed, peers that have closed, peers whose channel was reset. */
  const over = new Set<string>()
  /** The peers whose words a channel has heard in its present session. */
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
  }
}
