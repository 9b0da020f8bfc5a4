import { failureOf } from "../../messaging/failure.ts"
import { callSafely } from "../../session/call-safely.ts"
import type { SessionSnapshot } from "../../session/snapshot.ts"
import { type Closing, closingError } from "../../wire/errors.ts"
import type { Journalled, LastWords, MovedSession, Moving } from "../moved-session.ts"
import { describeSession, openRequestsOf, snapshotOf } from "./describe-session.ts"
import type { HubSession } from "./hub-session.ts"

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

  get journalled(): Journalled | undefined {
    return this.#hubSession.durable
  }

  freeze(): void {
    if (!this.#hubSession.links.isFrozen) this.#hubSession.links.freeze()
  }

  describe(): MovedSession {
    const { session, links } = this.#hubSession
    this.#described = session.last
    return describeSession(this.#hubSession, links.isFrozen ? snapshotOf(this.#hubSession) : NOTHING)
  }

  lastWords(): LastWords {
    const { peer, session } = this.#hubSession
    // In the lane a message may have taken the place of another, which does not count as one more.
    const hasSpoken = session.last !== this.#described || (session.lane?.packets.size ?? 0) > 0
    return { rooms: [...peer.rooms], data: peer.data, snapshot: hasSpoken ? snapshotOf(this.#hubSession) : undefined }
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
  for (const id of openRequestsOf(dispatch.open[1])) {
    const failure = failureOf(id, closingError(why))
    callSafely(
      () => hubSession.say(failure),
      () => {}, // there is no room for it, so the session has ended
    )
  }
  dispatch.end(why)
}
