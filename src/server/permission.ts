import type { AnyContract } from "../messaging/contract.ts"
import { settleSafely } from "../session/call-safely.ts"
import { isThenable } from "../session/thenable.ts"
import { EverwireError } from "../wire/errors.ts"
import type { Peer, Principal } from "./peer.ts"
import type { Reports } from "./reports.ts"

/** A message or request of a peer, before a handler gets it. */
export interface PermitQuestion<P extends Principal = Principal> {
  readonly peer: Peer<AnyContract, P>
  readonly kind: "message" | "request"
  readonly name: string
  /** What the handler would get. It comes from the client, so check it before you rely on its shape. */
  readonly data: unknown
}

/** A peer that is about to be put into a room. */
export interface PermitJoinQuestion<P extends Principal = Principal> {
  readonly peer: Peer<AnyContract, P>
  readonly room: string
}

// The methods make these types bivariant: a hub's own code, which knows no principal's type, calls them.
/** Returns whether a peer may send this message or request. Synchronous: what it needs is in the principal. */
export type Permit<P extends Principal = Principal> = { permit(question: PermitQuestion<P>): boolean }["permit"]

/** Returns whether a peer may be in this room. Synchronous. */
export type PermitJoin<P extends Principal = Principal> = {
  permitJoin(question: PermitJoinQuestion<P>): boolean
}["permitJoin"]

/**
 * Whether the application permits it. Only `true` does: a throw, a promise or any other value is reported and counts as
 * `false`.
 *
 * @param what The name of the option that is asked.
 */
export function isPermitted(what: string, ask: () => unknown, failed: (error: unknown) => void): boolean {
  try {
    const answer = ask()
    if (typeof answer === "boolean") return answer
    if (isThenable(answer)) settleSafely(answer, failed)
    const given = isThenable(answer) ? "a promise; let authenticate await what is needed" : typeof answer
    failed(new EverwireError("misuse", `${what} returns true or false; given: ${given}`))
  } catch (error) {
    failed(error)
  }
  return false
}

/** The check that rooms make before a peer joins. */
export function joinCheck(permitJoin: PermitJoin | undefined, reports: Reports): (room: string, peer: Peer) => boolean {
  if (permitJoin === undefined) return () => true
  return (room, peer) =>
    isPermitted(
      "permitJoin",
      () => permitJoin({ peer, room }),
      (error) => reports.failed(error, { stage: "hub", peer }),
    )
}
