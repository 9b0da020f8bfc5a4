import type { Alarm, Clockwork } from "../../session/clockwork.ts"
import type { Session } from "../../session/session.ts"
import { EverwireError } from "../../wire/errors.ts"

/** While the hub drains, a channel without a link is not waited for any longer after it was last heard. */
const AWAY_MS = 5_000

/** What a request is told that comes after the last call. */
export const NOT_BEGUN = new EverwireError("hub-closing", "the hub is shutting down: the request was not begun")

/** The session that is called. */
interface Called {
  readonly session: Session
  /** Rings when the channel is not waited for any longer. */
  readonly links: Alarm
  /** How many requests of the hub are open, and how many of the channel. */
  readonly openRequests: readonly [asked: number, answering: number]
}

/** The state of a session to whose channel nothing new is begun, because the hub is leaving. */
export class LastCall {
  readonly #called: Called
  readonly #clockwork: Clockwork
  /** The number of what must be acknowledged before the channel is let go. */
  #lastSaid = 0

  constructor(called: Called, clockwork: Clockwork) {
    this.#called = called
    this.#clockwork = clockwork
  }

  begin(): void {
    const { session } = this.#called
    // Each batch is acknowledged at once from here on: the bye, which acknowledges too, may not arrive.
    session.configure({ ackPackets: 0 })
    this.awaitSaid()
    if (session.link === undefined) this.awaitReturn()
  }

  /**
   * Whether nothing holds the session: no request of either side is open, what was said has arrived, what was heard can be
   * acknowledged, and the bye is taken at once.
   */
  get isFree(): boolean {
    const { session, openRequests } = this.#called
    const [asked, answering] = openRequests
    if (asked + answering > 0 || session.acked < this.#lastSaid) return false
    const { link } = session
    if (link === undefined) return !session.owesAck && this.#awayMs >= AWAY_MS
    return link.asked !== 0 && link.reached !== false
  }

  /** Why a request of the hub is not begun any more; one that an open request of the channel needs still is. */
  get askRefusal(): EverwireError | undefined {
    if (this.#called.openRequests[1] > 0) return undefined
    return new EverwireError("hub-closing", "the hub is shutting down: nothing new is asked", { retryable: true })
  }

  /** Whether a request of the channel is not begun any more; one that an open request of the hub needs still is. */
  get refusesRequests(): boolean {
    return this.#called.openRequests[0] === 0
  }

  /** What was said so far has to arrive. */
  awaitSaid(): void {
    const { session } = this.#called
    this.#lastSaid = session.said
    if (session.acked < session.said) session.ask()
  }

  /** A channel that has just lost its link may miss an ack that was on its way: it dials again soon, or not in time. */
  awaitReturn(): void {
    const at = this.#clockwork.now() + Math.max(0, AWAY_MS - this.#awayMs)
    const { links } = this.#called
    this.#clockwork.set(links, Math.min(links.slot?.at ?? Number.POSITIVE_INFINITY, at))
  }

  /** For how long nothing was heard of a channel that is away. */
  get #awayMs(): number {
    return this.#clockwork.now() - this.#called.session.idleSince
  }
}
