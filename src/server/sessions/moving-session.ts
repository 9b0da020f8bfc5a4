import { INPUT } from "../../messaging/answers.ts"
import { failureOf } from "../../messaging/failure.ts"
import { callSafely } from "../../session/call-safely.ts"
import { laneState } from "../../session/delivery/lane-state.ts"
import { type SessionSnapshot, takeSnapshot } from "../../session/snapshot.ts"
import { type Closing, closingError } from "../../wire/errors.ts"
import type { LastWords, MovedSession, Moving } from "../cluster.ts"
import type { HubSession } from "./hub-session.ts"

/** So many former hubs of a session are remembered. A channel names the one that welcomed it last. */
const MAX_FORMERS = 16

const NOTHING: SessionSnapshot = { heard: 0, parts: [], acked: 0, sent: 0, packets: [] }

/** A session of this hub that another process is to have. */
export class MovingSession implements Moving {
  readonly #hubSession: HubSession
  readonly #stays: () => void
  /** The packets that were said until `describe`. */
  #described = 0

  /** @param stays is called if no other process takes it. If it stands still, it cannot go on here. */
  constructor(hubSession: HubSession, stays: () => void) {
    this.#hubSession = hubSession
    this.#stays = stays
    hubSession.links.isOffered = true
  }

  get id(): string {
    return this.#hubSession.id
  }

  get isOver(): boolean {
    return this.#hubSession.session.ended
  }

  freeze(): void {
    if (!this.#hubSession.links.isFrozen) this.#hubSession.links.freeze()
  }

  describe(): MovedSession {
    const { id, key, principal, peer, encoder, address, beganAt, session, links, formers, host } = this.#hubSession
    this.#described = session.last
    return {
      id,
      key,
      peer: peer.id,
      principal,
      data: peer.data,
      rooms: [...peer.rooms],
      codec: encoder.codec?.name,
      features: session.settings.features,
      address,
      ageMs: host.clockwork.now() - beganAt,
      turn: links.turn,
      holder: links.holder,
      isMet: links.isMet,
      lastId: this.#hubSession.lastId,
      formers: [...(formers ?? []), host.hub].slice(-MAX_FORMERS),
      bytes: session.bufferedBytes,
      snapshot: links.isFrozen ? this.#snapshot() : NOTHING,
    }
  }

  lastWords(): LastWords {
    const { peer, session } = this.#hubSession
    // In the lane a message may have taken the place of another, which does not count as one more.
    const hasSpoken = session.last !== this.#described || (session.lane?.packets.size ?? 0) > 0
    return { rooms: [...peer.rooms], data: peer.data, snapshot: hasSpoken ? this.#snapshot() : undefined }
  }

  #snapshot(): SessionSnapshot {
    const { outbox, inbox, lane } = this.#hubSession.session
    return takeSnapshot({ outbox, inbox, lane: lane && laneState(lane) })
  }

  moved(): void {
    this.#hubSession.moved()
  }

  stays(): void {
    const { links, session } = this.#hubSession
    links.isOffered = false
    if (session.link === undefined) links.detached()
    this.#stays()
  }
}

/** The time for open requests is over: those of both sides fail, and the session can move. */
export function giveUpRequests(hubSession: HubSession, why: Closing): void {
  const { dispatch } = hubSession
  const [, answering] = dispatch.open
  for (const id of answering?.keys() ?? []) {
    if (id.startsWith(INPUT)) continue
    const failure = failureOf(id, closingError(why))
    callSafely(
      () => hubSession.say(failure),
      () => {}, // there is no room for it, so the session has ended
    )
  }
  dispatch.end(why)
}
