import { checkNames } from "../../messaging/option-names.ts"
import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import type { Selection, Task } from "../cluster.ts"
import type { Peer, Principal } from "../peer.ts"
import type { HubPeer } from "./hub-peer.ts"
import type { HubSession } from "./hub-session.ts"

/** Which peers: all of a principal, by its id; one peer, by its id; or those for which a function returns `true`. */
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
  const { principal, peer: id } = selectionOf(who)
  return principal === undefined ? (peer) => peer.id === id : (peer) => (peer.principal as Principal).id === principal
}

/** Whom it names, as other processes understand it. @throws EverwireError `misuse`, also if it is a function */
export function selectionOf(who: unknown): Selection {
  const { principal, peer, ...more } = Object(who) as Record<string, unknown> // checked below
  if (typeof who !== "function" && Object.keys(more).length === 0) {
    if (typeof principal === "string" && peer === undefined) return { principal, except: [] }
    if (typeof peer === "string" && principal === undefined) return { peer, except: [] }
  }
  throw new EverwireError(
    "misuse",
    typeof who === "function"
      ? "a function cannot be told to other processes: hub.local.disconnect takes one, for the peers of this process"
      : 'disconnect wants { principal: "an id" }, { peer: "an id" } or a function of a peer',
  )
}

/** @throws EverwireError `misuse` */
export function disconnectTask(options: DisconnectOptions = {}): Task & { readonly what: "disconnect" } {
  checkNames(options, { reason: "string", mayReturn: "boolean" }, "disconnect")
  return { what: "disconnect", reason: options.reason ?? "closed by the hub", mayReturn: options.mayReturn ?? false }
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
