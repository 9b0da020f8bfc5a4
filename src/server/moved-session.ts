import type { Delivery } from "../session/delivery/delivery.ts"
import type { SessionSnapshot } from "../session/snapshot.ts"
import type { Packet } from "../wire/batch.ts"
import type { Closing } from "../wire/errors.ts"
import type { Principal } from "./peer.ts"

/** A session that goes on in another process: plain data, as far as `principal` and `data` are. */
export interface MovedSession extends SessionFacts {
  readonly id: string
  readonly key: string
  /** `peer.id`. */
  readonly peer: string
  /** Name of its codec. Undefined: JSON. */
  readonly codec?: string | undefined
  /** The features that both ends have. */
  readonly features?: readonly string[] | undefined
  readonly address: string
  /** How long it has lasted, in milliseconds. */
  readonly ageMs: number
  /** The hubs that had it, the last one last. */
  readonly formers: readonly string[]
  /** What it keeps, in bytes. */
  readonly bytes: number
  readonly snapshot: SessionSnapshot
}

/** What may change of a session beside its packets. */
export interface SessionFacts {
  readonly principal: Principal
  /** `peer.data`. */
  readonly data: unknown
  readonly rooms: readonly string[]
  /** The highest turn of its links. */
  readonly turn: number
  /** The channel that used the session's key last. */
  readonly holder?: string | undefined
  /** Whether a link has reached the channel. */
  readonly isMet: boolean
  /** The id of the last request to the channel. */
  readonly lastId: number
  /** Ids of the channel's requests that are being answered, in a session that was not handed over but taken from a journal. */
  readonly open?: readonly string[] | undefined
}

/** What has become of a session since it was described, although it stood still: what its application has done to the peer. */
export interface LastWords {
  readonly rooms: readonly string[]
  readonly data: unknown
  /** Undefined if nothing was said. */
  readonly snapshot?: SessionSnapshot | undefined
}

/** A session that another process hands over to this one. One of `begin` and `drop` is called, once. */
export interface TakenOver {
  /** What it is when it stands still. Resolves when what is sent to its rooms is heard here. */
  hold(moved: MovedSession): Promise<unknown>
  /** The session is this hub's from now on. `last`: undefined if the former owner could not tell. */
  begin(last: LastWords | undefined): void
  drop(): void
}

/** A session that another process is to have. One of `moved` and `stays` is called, once. */
export interface Moving {
  readonly id: string
  /** Whether it has ended meanwhile. */
  readonly isOver: boolean
  /** Before `freeze` without what the channel has not acknowledged. */
  describe(): MovedSession
  /** Undefined unless the hub is durable. */
  readonly journalled: Journalled | undefined
  /** From now on it stands still. */
  freeze(): void
  /** What has become of it since `describe`. */
  lastWords(): LastWords
  /** Another process has it. */
  moved(): void
  /** No other process takes it. */
  stays(): void
}

/** What has become of a session since its journal was written last. */
export interface SessionChange {
  readonly id: string
  /** What is different now. */
  readonly facts: Partial<SessionFacts>
  /** Number of the last packet that was heard. */
  readonly heard: number
  /** Number of the last packet that the channel has acknowledged. */
  readonly acked: number
  /** The number of the first of `packets`. */
  readonly first: number
  /** The packets that are new in the outbox. */
  readonly packets: readonly Packet[]
  /** When those of them may be dropped that may be, by number. */
  readonly deliveries: readonly (readonly [number: number, delivery: Delivery])[]
  /** What waits in front of the outbox since then, and what does not any more, by a number that the session gives. */
  readonly waits: readonly (readonly [place: number, packet: Packet, delivery: Delivery | undefined])[]
  readonly left: readonly number[]
}

/** A session that is kept in the store. */
export interface Journalled {
  readonly id: string
  /** All of it: then `changes` are those since this call. Undefined if it has ended. */
  whole(): MovedSession | undefined
  /** What is new since the last call of this or of `whole`. Undefined if it has ended. */
  changes(): SessionChange | undefined
  /** The store has all that the last call of `whole` or `changes` returned: what waited for that may go. */
  kept(): void
  /** The store does not answer, so nothing can be promised: the channel is told, and may come back when it answers. */
  stalled(why: Closing): void
  /** Another process has it. */
  lost(): void
  /** It cannot be kept in the store. */
  refused(why: Closing): void
}

/** The part of a cluster that keeps sessions in the store, for another process to go on with after a crash. */
export interface ClusterJournal {
  /** Why nothing can be promised now: the store did not answer in time. */
  readonly refusal: Closing | undefined
  /** Something has changed, or the session has begun. What it waits with goes when `kept` is called. */
  changed(session: Journalled): void
  /** The session has ended. */
  ended(session: Journalled): void
  /** Resolves when what is known of the session now is in the store. Rejects if it could not be brought there. */
  flush(session: Journalled): Promise<void>
  /** Resolves when all is in the store, or cannot be brought there in time. What is in it then waits for other processes. */
  close(): Promise<void>
}

/** The part of a cluster that hands sessions over. */
export interface ClusterMoves {
  /** This hub drains: it takes no session any more, and the others ask the store where its sessions are. */
  leaving(): void
  /** Whether there is another process that stays. */
  readonly hasTaker: boolean
  /** Whether another process may be about to hand a session to this one. */
  readonly isExpecting: boolean
  move(moving: Moving): void
  /** Resolves when the other processes go on with what was handed to them, or do not say so for too long. */
  settled(): Promise<void>
}
