import { callSafely } from "../../session/call-safely.ts"
import { guardLink } from "../../session/guard-link.ts"
import type { Link, LinkSink } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Session } from "../../session/session.ts"
import type { Dialer, Platform, Target } from "../../transports/transport.ts"
import * as defaults from "../../wire/defaults.ts"
import { type Closing, closing, wordsOf } from "../../wire/errors.ts"
import { writeBye, writeHello } from "../../wire/handshake.ts"
import type { Attempt } from "./attempt.ts"
import { inTime } from "./in-time.ts"
import type { Incident } from "./incident.ts"
import type { TransportHealth } from "./transport-health.ts"

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
  readonly health: TransportHealth
  readonly withCredentials: boolean
  readonly platform: () => Platform
  readonly report: (error: unknown) => void
}

/** Stands in for the link until the dial has returned one. */
const UNDIALED: Link = { name: "", bufferedBytes: 0, send() {}, close() {} }

/** How many incidents are kept for `explain()`. */
const INCIDENTS = 50

/** The attempts to link one session that have not ended, the current one among them, and what became of the others. */
export class Attempts {
  /** The last things that happened, oldest first. */
  readonly incidents: Incident[] = []
  readonly live = new Set<Attempt>()
  declare identity: Identity
  /** Highest turn that any hello or take of the session has carried. */
  turn = 0
  /** The hub that has the session; undefined until one has welcomed it. */
  hub: string | undefined
  readonly #host: DialHost
  readonly #createSink: (attempt: Attempt) => LinkSink
  /** The transport that was welcomed last, or dialed last while none was. Undefined while no hello of the session was said. */
  #dialer: Dialer | undefined
  /** Tells this channel from another that might present the same key. */
  readonly #holder: string

  constructor(host: DialHost, createSink: (attempt: Attempt) => LinkSink, identity: Identity) {
    this.#host = host
    this.#createSink = createSink
    this.identity = identity
    this.#holder = host.runtime.id()
  }

  /**
   * Dials a rung and says hello. `takes`: the link is to carry the talk at once, with what may ride along. `again`: one that
   * has ended and whose link the hub has left open: the hello goes there.
   */
  dial(rank: number, auth: unknown, takes: boolean, again?: Attempt): Attempt {
    const { id, key, session } = this.identity
    const { runtime, health, dialers, report } = this.#host
    const dialer = dialers[rank] as Dialer // ranks are the ladder's own indices
    if (!this.hub) this.#dialer = dialer
    const now = runtime.now()
    // Nothing rides before a hub has the session: two hubs behind one address could both hear it.
    const { packets, sent } = takes && this.hub ? session.ride() : { packets: [], sent: 0 }
    // The sink of a link that is used again tells this very attempt.
    const attempt: Attempt = Object.assign(again ?? { link: UNDIALED, welcomedAt: 0 }, {
      dialer,
      rank,
      startedAt: now,
      movedAt: now,
      turn: takes ? ++this.turn : 0,
      sent,
      proved: !dialer.streamed,
      over: false,
    })
    this.live.add(attempt)
    this.note(attempt, "dialed")
    if (!again) {
      const sink = this.#createSink(attempt)
      // The dialer, its link and the platform may be the application's own. What they throw is a wire that broke.
      let isBroken = false
      const broke = (error: unknown): void => {
        if (isBroken) return
        isBroken = true
        report(error)
        runtime.soon(() => {
          const why = closing("network", wordsOf(error))
          attempt.link.close(why)
          sink.closed(why)
        })
      }
      callSafely(() => {
        attempt.link = guardLink(dialer.dial(this.#target(), sink), broke)
      }, broke)
    }
    const hello = writeHello({
      v: defaults.PROTOCOL_VERSION,
      id,
      key,
      heard: session.heard,
      part: session.part,
      acked: session.acked,
      turn: attempt.turn,
      holder: this.#holder,
      hub: this.hub,
      speakMs: health.heartbeatMs,
      clock: Math.floor(now),
      auth,
      features: session.features,
    })
    attempt.link.send([hello, ...packets].join("\n"))
    return attempt
  }

  /** A hub has the session. */
  welcomed(attempt: Attempt, hub: string): void {
    this.hub = hub
    this.#dialer = attempt.dialer
    this.note(attempt, "welcomed")
  }

  /** A new session begins, which no hub has. Turns go on: they only have to rise. */
  reset(): void {
    this.hub = this.#dialer = undefined
  }

  /** The hub is to know that the session has ended: from the last word on its link, or beside it where there is none. */
  async leave(link: Link | undefined, why: Closing): Promise<void> {
    const { runtime, report } = this.#host
    const { id, key, session } = this.identity
    const bye = writeBye(why, { id, key, hub: this.hub, said: session.said })
    // A link that cannot tell whether its last word was heard is believed.
    if (link && (!link.told || (await inTime(runtime, defaults.GOODBYE_MS, link.told)))) return
    // A dialer or a platform of the application's own may throw.
    const said = this.#dialer?.leave && (async () => this.#dialer?.leave?.(this.#target(), bye))()
    if (said) await inTime(runtime, defaults.GOODBYE_MS, said.catch(report))
    link?.abandon?.()
  }

  #target(): Target {
    const { url, runtime, withCredentials, health, platform } = this.#host
    return {
      url,
      runtime,
      platform: platform(),
      withCredentials,
      holdMs: health.holdMs ?? defaults.HOLD_MS,
      learnHold: (holdMs) => health.learnHold(holdMs),
    }
  }

  /** Its link has ended; what rode on it may have been heard. */
  end(attempt: Attempt, what: Incident["what"], why?: Closing): void {
    this.#forget(attempt)
    this.note(attempt, what, why)
  }

  /** Its link is not needed. `mute`: what it holds may be what a last word would wait for. */
  letGo(attempt: Attempt, mute?: boolean): void {
    stop(attempt, closing("superseded", "not needed"), mute)
    this.end(attempt, "let-go")
  }

  dropAll(why: Closing): void {
    const { session } = this.identity
    for (const attempt of this.live) {
      attempt.link.close(why)
      this.#forget(attempt)
      session.linkLost(attempt.link)
    }
  }

  #forget(attempt: Attempt): void {
    attempt.over = true
    attempt.cancelYield?.()
    this.live.delete(attempt)
    this.identity.session.rode(attempt.sent)
  }

  note({ dialer, startedAt }: Attempt, what: Incident["what"], why?: Closing): void {
    const at = this.#host.runtime.now()
    this.incidents.push({ at, transport: dialer.name, what, ageMs: at - startedAt, closing: why })
    this.incidents.splice(0, this.incidents.length - INCIDENTS)
  }
}

/** Ends its link, without a word if that may not wait. */
export function stop({ link, dialer }: Attempt, why: Closing, mute?: boolean): void {
  if (mute && dialer.holds && link.abandon) link.abandon()
  else link.close(why)
}
