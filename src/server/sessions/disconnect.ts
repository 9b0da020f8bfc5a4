import { type Closing, closing } from "../../wire/errors.ts"
import type { Principal } from "../peer.ts"
import { type DisconnectOptions, disconnectTask, selectionOf } from "../rooms/selection.ts"
import type { HubPeer } from "./hub-peer.ts"
import type { HubSession } from "./hub-session.ts"

/** @throws EverwireError `misuse` */
function readWho(who: unknown): (peer: HubPeer) => boolean {
  if (typeof who === "function") return (peer) => who(peer) === true
  const { principal, peer: id } = selectionOf(who)
  return principal === undefined ? (peer) => peer.id === id : (peer) => (peer.principal as Principal).id === principal
}

/** Ends the sessions of these peers. Returns how many. @throws EverwireError `misuse`, and what the function throws */
export function disconnect(sessions: Iterable<HubSession>, who: unknown, options?: DisconnectOptions): number {
  const { reason, mayReturn } = disconnectTask(options)
  const isMeant = readWho(who)
  // All are chosen before the first is closed, because listeners of `onClose` may close others.
  const meant = [...sessions].filter(({ peer }) => isMeant(peer))
  const why: Closing = closing("closed", reason, mayReturn)
  let count = 0
  for (const hubSession of meant) {
    if (hubSession.session.ended) continue
    hubSession.end(why)
    count++
  }
  return count
}
