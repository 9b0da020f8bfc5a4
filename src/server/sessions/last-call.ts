import type { Alarm, Clockwork } from "../../session/clockwork.ts"
import type { Session } from "../../session/session.ts"
import { EverwireError } from "../../wire/errors.ts"

/** While the hub drains, it waits this long for a channel without a link after it was last heard, in milliseconds. */
const AWAY_MS = 5_000

/** The failure of a request that comes after the last call. */
export const NOT_BEGUN = new EverwireError("hub-closing", "the hub is shutting down: the request was not begun")

/** The session that the last call is for. */
interface Called {
  readonly session: Session
  /** Rings when the hub stops waiting for the channel. */
  readonly links: Alarm
  /** Open requests of the hub, and open requests of the channel. */
  readonly openRequests: readonly [asked: number, answering: number]
}

/** The state of a session while the hub drains: nothing new is begun with its channel. */
export class LastCall {
  readonly #called: Called
  readonly #clockwork: Clockwork
  /** The last reliable packet that must be acknowledged before the session ends. */
  #lastSaid = 0

  constructor(called: Called, clockwork: Clockwork) {
    this.#called = called
    this.#clockwork = clockwork
  }

  begin(): void {
    const { session } = this.#called
    // From here on each batch is acknowledged at once, because the bye, which would carry the ack, may not arrive.
    session.configure({ ackPackets: 0 })
    this.awaitSaid()
    if (session.link === undefined) this.awaitReturn()
  }

  /**
   * Whether the session may end: no request of either side is open, the awaited packets are acknowledged, and the link
   * can send an ack and the bye at once.
   */
  get isFree(): boolean {
    const { session, openRequests } = this.#called
    const [asked, answering] = openRequests
    if (asked + answering > 0 || !session.isSettled(this.#lastSaid)) return false
    const { link } = session
    if (link === undefined) return !session.owesAck && this.#awayMs >= AWAY_MS
    return link.asked !== 0 && link.reached !== false
  }

  /** Why the hub may begin no new request. It may while a request of the channel is open, whose handler may need it. */
  get askRefusal(): EverwireError | undefined {
    if (this.#called.openRequests[1] > 0) return undefined
    return new EverwireError("hub-closing", "the hub is shutting down: nothing new is asked", { retryable: true })
  }

  /**
   * Whether requests of the channel are refused. They are not while a request of the hub is open, which may need them.
   */
  get refusesRequests(): boolean {
    return this.#called.openRequests[0] === 0
  }

  /**
   * Waits until all reliable packets sent so far have arrived. Messages behind them that may be dropped go if the link
   * takes them before the bye.
   */
  awaitSaid(): void {
    const { session } = this.#called
    this.#lastSaid = lastReliable(session)
    if (!session.isSettled(this.#lastSaid)) session.ask()
  }

  /** A channel that just lost its link may have missed an ack, so the hub waits for it, for a limited time. */
  awaitReturn(): void {
    const at = this.#clockwork.now() + Math.max(0, AWAY_MS - this.#awayMs)
    const { links } = this.#called
    this.#clockwork.set(links, Math.min(links.slot?.at ?? Number.POSITIVE_INFINITY, at))
  }

  /** For how long nothing was heard from the channel, in milliseconds. */
  get #awayMs(): number {
    return this.#clockwork.now() - this.#called.session.idleSince
  }
}

/** The number that the last reliable packet has, or gets if no packet before it is dropped. */
function lastReliable({ lane, last, acked }: Session): number {
  if (lane === undefined) return last
  let number = last
  for (const { delivery } of [...lane.packets.values()].reverse()) {
    if (delivery === undefined) return number
    number--
  }
  while (number > acked && lane.numbered.has(number)) number--
  return number
}
