import { INPUT } from "../../messaging/answers.ts"
import { laneState } from "../../session/delivery/lane-state.ts"
import type { Session } from "../../session/session.ts"
import { type SessionSnapshot, takeSnapshot } from "../../session/snapshot.ts"
import type { MovedSession, SessionFacts } from "../moved-session.ts"
import type { Principal } from "../peer.ts"

/** So many former hubs of a session are remembered. A channel names the one that welcomed it last. */
const MAX_FORMERS = 16

/** What is told of a session of a hub. */
export interface Described {
  readonly id: string
  readonly key: string
  readonly principal: Principal
  readonly peer: { readonly id: string; readonly data: unknown; readonly rooms: ReadonlySet<string> }
  readonly encoder: { readonly codec: { readonly name: string } | undefined }
  readonly address: string
  readonly beganAt: number
  readonly session: Session
  readonly formers: readonly string[] | undefined
  readonly links: { readonly turn: number; readonly holder: string | undefined; readonly isMet: boolean }
  readonly lastId: number
  readonly host: { readonly hub: string; readonly clockwork: { now(): number } }
}

/** A session as another process goes on with it. */
export function describeSession(hubSession: Described, snapshot: SessionSnapshot): MovedSession {
  const { id, key, peer, encoder, address, beganAt, session, formers, host } = hubSession
  return {
    id,
    key,
    peer: peer.id,
    ...factsOf(hubSession),
    codec: encoder.codec?.name,
    features: session.settings.features,
    address,
    ageMs: host.clockwork.now() - beganAt,
    formers: [...(formers ?? []), host.hub].slice(-MAX_FORMERS),
    bytes: session.bufferedBytes,
    snapshot,
  }
}

/** What may change of a session beside its packets. */
export function factsOf({ principal, peer, links, lastId }: Described): SessionFacts {
  const { turn, holder, isMet } = links
  return { principal, data: peer.data, rooms: [...peer.rooms], turn, holder, isMet, lastId }
}

/** Ids of the channel's requests that are being answered. */
export function openRequestsOf(answering: ReadonlyMap<string, unknown> | undefined): string[] {
  return [...(answering?.keys() ?? [])].filter((id) => !id.startsWith(INPUT))
}

/** The packets of a session, and what else it keeps of them. */
export function snapshotOf({ session }: Pick<Described, "session">): SessionSnapshot {
  const { outbox, inbox, lane } = session
  return takeSnapshot({ outbox, inbox, lane: lane && laneState(lane) })
}
