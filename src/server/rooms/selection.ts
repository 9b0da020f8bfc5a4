import { checkNames } from "../../messaging/option-names.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Selection, Task } from "../across.ts"
import type { Peer } from "../peer.ts"
import { checkRoom } from "./rooms.ts"

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

/** @throws EverwireError `misuse` */
export function roomTask(what: "join" | "leave", room: string): Task {
  checkRoom(room)
  return { what, room }
}
