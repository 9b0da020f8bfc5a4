import { callSafely } from "../../session/call-safely.ts"
import { guardLink } from "../../session/guard-link.ts"
import type { Link, LinkSink } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Heard, Session } from "../../session/session.ts"
import type { Dialer, Platform, Target } from "../../transports/transport.ts"
import * as defaults from "../../wire/defaults.ts"
import { type Closing, closing, wordsOf } from "../../wire/errors.ts"
import { writeBye, writeHello, writeTake } from "../../wire/handshake.ts"
import type { Attempt, OwnAttempt } from "./attempt.ts"
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
export interface Attempts {
  /** The last things that happened, oldest first. */
  readonly incidents: readonly Incident[]
  readonly live: ReadonlySet<OwnAttempt>
  /** The hub that has the session; undefined until one has welcomed it. */
  readonly hub: string | undefined
  /**
   * Dials a rung and says hello. `takes`: the link is to carry the talk at once, with what may ride along. `again`: one that
   * has ended and whose link the hub has left open: the hello goes there.
   */
  dial(rank: number, auth: unknown, takes: boolean, again?: OwnAttempt): OwnAttempt
  /** A hub has the session. */
  welcomed(attempt: Attempt, hub: string): void
  /** Whether no other hello or take came after its own. */
  isLast(attempt: Attempt): boolean
  /** Tells the hub that this link is the one, whatever it thought before; says again what it may not have heard. */
  take(attempt: OwnAttempt, to: Heard): void
  /** No hub has the session any more. */
  reset(): void
  /** A new session begins. Turns go on: they only have to rise. */
  begin(identity: Identity): void
  /** The hub is to know that the session has ended: from the last word on its link, or beside it where there is none. */
  leave(link: Link | undefined, why: Closing): Promise<void>
  /** Its link has ended; what rode on it may have been heard. */
  end(attempt: OwnAttempt, what: Incident["what"], why?: Closing): void
  /** Its link is not needed. `mute`: what it holds may be what a last word would wait for. */
  letGo(attempt: OwnAttempt, mute?: boolean): void
  dropAll(why: Closing): void
  note(attempt: Attempt, what: Incident["what"], why?: Closing): void
}

/** Begins with no attempt. `createSink` hears the link of each. */
export function createAttempts(
  host: DialHost,
  createSink: (attempt: OwnAttempt) => LinkSink,
  identity: Identity,
): Attempts {
  const { runtime, health } = host
  let { id, key, session } = identity
  const incidents: Incident[] = []
  const live = new Set<OwnAttempt>()
  /** Highest turn that any hello or take of the session has carried. */
  let turn = 0
  /** The hub that has the session; undefined until one has welcomed it. */
  let hub: string | undefined
  /** The transport that was welcomed last, or dialed last while none was. Undefined while no hello of the session was said. */
  let dialer: Dialer | undefined
  /** Tells this channel from another that might present the same key. */
  const holder = runtime.id()

  const target = (): Target => ({
    url: host.url,
    runtime,
    platform: host.platform(),
    withCredentials: host.withCredentials,
    holdMs: health.holdMs ?? defaults.HOLD_MS,
    learnHold: (holdMs) => health.learnHold(holdMs),
  })

  function note({ dialer, startedAt }: Attempt, what: Incident["what"], why?: Closing): void {
    const at = runtime.now()
    incidents.push({ at, transport: dialer.name, what, ageMs: at - startedAt, closing: why })
    incidents.splice(0, incidents.length - INCIDENTS)
  }

  function forget(attempt: OwnAttempt): void {
    attempt.over = true
    attempt.cancelYield?.()
    live.delete(attempt)
    session.rode(attempt.sent)
  }

  function end(attempt: OwnAttempt, what: Incident["what"], why?: Closing): void {
    forget(attempt)
    note(attempt, what, why)
  }

  return {
    incidents,
    live,
    note,
    end,
    get hub() {
      return hub
    },
    dial(rank, auth, takes, again) {
      const rung = host.dialers[rank] as Dialer // ranks are the ladder's own indices
      if (!hub) dialer = rung
      const now = runtime.now()
      // Nothing rides before a hub has the session: two hubs behind one address could both hear it.
      const { packets, sent } = takes && hub ? session.ride() : { packets: [], sent: 0 }
      // The sink of a link that is used again tells this very attempt.
      const attempt: OwnAttempt = Object.assign(again ?? { link: UNDIALED, welcomedAt: now }, {
        dialer: rung,
        rank,
        startedAt: now,
        movedAt: now,
        turn: takes ? ++turn : undefined,
        sent,
        proved: !rung.streamed,
        over: false,
      })
      live.add(attempt)
      note(attempt, "dialed")
      if (!again) {
        const sink = createSink(attempt)
        // The dialer, its link and the platform may be the application's own. What they throw is a wire that broke.
        let isBroken = false
        const broke = (error: unknown): void => {
          if (isBroken) return
          isBroken = true
          host.report(error)
          runtime.soon(() => {
            const why = closing("network", wordsOf(error))
            attempt.link.close(why)
            sink.closed(why)
          })
        }
        callSafely(() => {
          attempt.link = guardLink(rung.dial(target(), sink), broke)
        }, broke)
      }
      const hello = writeHello({
        v: defaults.PROTOCOL_VERSION,
        id,
        key,
        heard: session.heard,
        part: session.part,
        acked: session.acked,
        turn: attempt.turn ?? 0, // which only probes
        holder,
        hub,
        speakMs: health.heartbeatMs,
        clock: Math.floor(now),
        auth,
        features: session.features,
      })
      attempt.link.send([hello, ...packets].join("\n"))
      return attempt
    },
    welcomed(attempt, by) {
      hub = by
      dialer = attempt.dialer
      note(attempt, "welcomed")
    },
    isLast: (attempt) => attempt.turn === turn,
    take(attempt, to) {
      const { heard, part } = session
      attempt.turn = ++turn
      session.attach(attempt.link, to, to.heard, writeTake({ turn, heard, part }))
    },
    reset() {
      hub = dialer = undefined
    },
    begin(identity) {
      ;({ id, key, session } = identity)
    },
    async leave(link, why) {
      const bye = writeBye(why, { id, key, hub, said: session.said })
      // A link that cannot tell whether its last word was heard is believed.
      if (link && (!link.told || (await inTime(runtime, defaults.GOODBYE_MS, link.told)))) return
      // A dialer or a platform of the application's own may throw.
      const said = dialer?.leave && (async () => dialer?.leave?.(target(), bye))()
      if (said) await inTime(runtime, defaults.GOODBYE_MS, said.catch(host.report))
      link?.abandon?.()
    },
    letGo(attempt, mute) {
      stop(attempt, closing("superseded", "not needed"), mute)
      end(attempt, "let-go")
    },
    dropAll(why) {
      for (const attempt of live) {
        attempt.link.close(why)
        forget(attempt)
        session.linkLost(attempt.link)
      }
    },
  }
}

/** Ends its link, without a word if that may not wait. */
export function stop({ link, dialer }: Attempt, why: Closing, mute?: boolean): void {
  if (mute && dialer.holds && link.abandon) link.abandon()
  else link.close(why)
}
