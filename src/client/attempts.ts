import { callSafely } from "../kernel/call-safely.ts"
import * as defaults from "../kernel/defaults.ts"
import { type Closing, closing, wordsOf } from "../kernel/errors.ts"
import { guardLink } from "../kernel/guard-link.ts"
import { writeHello, writeLeave } from "../kernel/handshake.ts"
import type { Link } from "../kernel/link.ts"
import type { Runtime } from "../kernel/runtime.ts"
import type { Session } from "../kernel/session.ts"
import type { Dialer, Platform, Target } from "../transports/transport.ts"
import { Attempt, type AttemptHost } from "./attempt.ts"
import { inTime } from "./in-time.ts"
import type { Incident } from "./incident.ts"
import type { Standing } from "./standing.ts"

/** The session that is to be kept linked, with the secret that opens it. */
export interface Identity {
  readonly id: string
  readonly key: string
  readonly session: Session
}

/** What dialing takes. */
export interface DialHost {
  readonly runtime: Runtime
  readonly url: string
  /** The ladder, best first. */
  readonly dialers: readonly Dialer[]
  readonly standing: Standing
  readonly withCredentials: boolean
  platform(): Platform
  report(error: unknown): void
}

/** How many incidents are kept for `explain()`. */
const INCIDENTS = 50

/** The attempts whose links have not ended, the current one among them, and what became of the others. */
export class Attempts {
  /** The last things that happened, oldest first. */
  readonly incidents: Incident[] = []
  /** Highest turn that any hello or take of the session has carried. */
  turn = 0
  /** The hub that has the session; empty until one has welcomed it. */
  hub = ""
  readonly #host: DialHost
  readonly #sinks: AttemptHost
  readonly #live = new Set<Attempt>()
  /** The transport that was welcomed last, or dialed last while none was. Undefined while no hello of the session was said. */
  #dialer: Dialer | undefined
  /** Tells this channel from another that might present the same key. */
  readonly #holder: string

  constructor(host: DialHost, sinks: AttemptHost) {
    this.#host = host
    this.#sinks = sinks
    this.#holder = host.runtime.id()
  }

  get size(): number {
    return this.#live.size
  }

  [Symbol.iterator](): IterableIterator<Attempt> {
    return this.#live.values()
  }

  /** Dials a rung and says hello. `takes`: the link is to carry the talk at once, with what may ride along. */
  dial(rank: number, identity: Identity, auth: unknown, takes: boolean): Attempt {
    const { id, key, session } = identity
    const { runtime, standing, dialers } = this.#host
    const dialer = dialers[rank] as Dialer // ranks are the ladder's own indices
    if (this.hub === "") this.#dialer = dialer
    const attempt = new Attempt(this.#sinks, dialer, rank, runtime.now())
    this.#live.add(attempt)
    this.note(attempt, "dialed")
    // The dialer, its link and the platform may be the application's own. What they throw is a wire that broke.
    let isBroken = false
    const broke = (error: unknown): void => {
      if (isBroken) return
      isBroken = true
      this.#host.report(error)
      runtime.soon(() => {
        const why = closing("network", wordsOf(error))
        attempt.link.close(why)
        attempt.closed(why)
      })
    }
    callSafely(() => {
      attempt.link = guardLink(dialer.dial(this.#target(), attempt), broke)
    }, broke)
    // Nothing rides before a hub has the session: two hubs behind one address could both hear it.
    const riding = takes && this.hub !== "" ? session.ride() : { packets: [], sent: 0 }
    attempt.sent = riding.sent
    attempt.turn = takes ? ++this.turn : 0
    const hello = writeHello({
      v: defaults.PROTOCOL_VERSION,
      id,
      key,
      heard: session.heard,
      part: session.part,
      acked: session.acked,
      turn: attempt.turn,
      holder: this.#holder,
      hub: this.hub || undefined,
      speakMs: standing.speakMs,
      clock: Math.floor(runtime.now()),
      auth,
    })
    attempt.link.send([hello, ...riding.packets].join("\n"))
    return attempt
  }

  /** A hub has the session. */
  welcomed(attempt: Attempt, hub: string): void {
    this.hub = hub
    this.#dialer = attempt.dialer
    this.note(attempt, "welcomed")
  }

  /** A new session begins, which no hub has. */
  reset(): void {
    this.turn = 0
    this.hub = ""
    this.#dialer = undefined
  }

  /** The hub is to know that the session has ended: from the last word on its link, or beside it where there is none. */
  async leave({ id, key, session }: Identity, link: Link | undefined, why: Closing): Promise<void> {
    const { runtime, report } = this.#host
    const bye = writeLeave({ id, key, hub: this.hub || undefined, said: session.said, why })
    // A link that cannot tell whether its last word was heard is believed.
    if (link && (!link.told || (await inTime(runtime, defaults.GOODBYE_MS, link.told)))) return
    // A dialer or a platform of the application's own may throw.
    const said = (async () => this.#dialer?.leave?.(this.#target(), bye))()
    await inTime(runtime, defaults.GOODBYE_MS, said.catch(report))
    link?.abandon?.()
  }

  #target(): Target {
    const { url, runtime, withCredentials, standing } = this.#host
    return {
      url,
      runtime,
      platform: this.#host.platform(),
      withCredentials,
      holdMs: standing.holdMs ?? defaults.HOLD_MS,
      learnHold: (holdMs) => standing.learnHold(holdMs),
    }
  }

  /** Its link has ended; what rode on it may have been heard. */
  end(attempt: Attempt, what: Incident["what"], why?: Closing): void {
    attempt.end()
    this.#live.delete(attempt)
    this.note(attempt, what, why)
  }

  /** Its link is not needed. `mute`: what it holds may be what a last word would wait for. */
  letGo(attempt: Attempt, session: Session, mute: boolean): void {
    session.rode(attempt.sent)
    attempt.stop(closing("superseded", "not needed"), mute)
    this.end(attempt, "let-go")
  }

  dropAll(why: Closing, session: Session): void {
    for (const attempt of this.#live) {
      attempt.link.close(why)
      attempt.end()
      session.rode(attempt.sent)
      session.linkLost(attempt.link)
    }
    this.#live.clear()
  }

  note({ dialer, startedAt }: Attempt, what: Incident["what"], why?: Closing): void {
    const at = this.#host.runtime.now()
    this.incidents.push({ at, transport: dialer.name, what, ageMs: at - startedAt, closing: why })
    if (this.incidents.length > INCIDENTS) this.incidents.shift()
  }
}
