import { checkNames } from "../../messaging/option-names.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import type { Peer, Principal } from "../peer.ts"
import type { HubPeer } from "./hub-peer.ts"
import type { HubSession } from "./hub-session.ts"

/**
 * Which peers: all of a principal, by its id; one peer, by its id; or those for which a function returns `true`. A channel
 * whose hello is being judged is no peer yet: if `authenticate` was called for it before, and lets it in, it gets in.
 */
export type Who<P = Peer> = { readonly principal: string } | { readonly peer: string } | ((peer: P) => boolean)

/** How peers are disconnected. */
export interface DisconnectOptions {
  /** One sentence for the channel. Default `closed by the hub`. */
  readonly reason?: string | undefined
  /**
   * Whether the channels may come back. Default `false`: they are closed for good. With `true` each asks its `auth` again
   * and begins a new session.
   */
  readonly mayReturn?: boolean | undefined
}

/** @throws EverwireError `misuse` */
function readWho(who: unknown): (peer: HubPeer) => boolean {
  if (typeof who === "function") return (peer) => who(peer) === true
  const { principal, peer: id, ...more } = Object(who) as Record<string, unknown> // checked below
  if (typeof principal === "string" && id === undefined && Object.keys(more).length === 0) {
    return (peer) => (peer.principal as Principal).id === principal
  }
  if (typeof id === "string" && principal === undefined && Object.keys(more).length === 0)
    return (peer) => peer.id === id
  throw new EverwireError(
    "misuse",
    'disconnect wants { principal: "an id" }, { peer: "an id" } or a function of a peer',
  )
}

/** Ends the sessions of these peers. Returns how many. @throws EverwireError `misuse`, and what the function throws */
export function disconnect(sessions: Iterable<HubSession>, who: unknown, options: DisconnectOptions = {}): number {
  checkNames(options, { reason: "string", mayReturn: "boolean" }, "disconnect")
  const { reason = "closed by the hub", mayReturn = false } = options
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
