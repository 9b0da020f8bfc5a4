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

/** The session that is kept linked: its id, and the secret key that opens it at the hub. */
export interface Identity {
  readonly id: string
  readonly key: string
  readonly session: Session
}

/** What a dial needs from the channel. */
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

/** The link of an attempt until `dial` has returned the real one. */
const UNDIALED: Link = { name: "", bufferedBytes: 0, send() {}, close() {} }

/** How many incidents are kept for `explain()`. Older ones are dropped. */
const INCIDENTS = 50

/** All attempts of one channel that have not ended, including the current one, and the incidents of all. */
export interface Attempts {
  /** The last incidents, oldest first. */
  readonly incidents: readonly Incident[]
  readonly live: ReadonlySet<OwnAttempt>
  /** Id of the hub that has the session. Undefined until a hub has welcomed it. */
  readonly hub: string | undefined
  /**
   * Dials a rung and sends the hello. `takes`: the hello has a turn, so the link carries the session as soon as it is
   * welcomed, and small packets are sent together with the hello. `isWary`: the link has to prove itself although its
   * transport is no stream. `again`: an attempt that was refused and whose link the hub left open; the new hello is sent
   * on that link.
   */
  dial(rank: number, auth: unknown, takes: boolean, isWary: boolean, again?: OwnAttempt): OwnAttempt
  /** A hub welcomed the session. */
  welcomed(attempt: Attempt, hub: string): void
  /** Whether no hello or take with a turn was sent after that of this attempt. */
  isLast(attempt: Attempt): boolean
  /**
   * Tells the hub that this link is the current one from now on, and sends again what the hub may not have received.
   */
  take(attempt: OwnAttempt, to: Heard): void
  /** No hub has the session any more. */
  reset(): void
  /** A new session begins. Its turns continue those of the last session, because they only have to rise. */
  begin(identity: Identity): void
  /**
   * Makes sure that the hub knows that the session has ended: by the bye on its link, or by a request without a link.
   */
  leave(link: Link | undefined, why: Closing): Promise<void>
  /** The link of an attempt has ended. Packets that were sent with its hello may have been delivered. */
  end(attempt: OwnAttempt, what: Incident["what"], why?: Closing): void
  /**
   * Ends a link that is not needed. `mute`: send nothing, because a bye might wait for the connection that the link
   * holds.
   */
  letGo(attempt: OwnAttempt, mute?: boolean): void
  dropAll(why: Closing): void
  note(attempt: Attempt, what: Incident["what"], why?: Closing): void
}

/** Creates the set, empty at first. `createSink` makes the sink for the link of each attempt. */
export function createAttempts(
  host: DialHost,
  createSink: (attempt: OwnAttempt) => LinkSink,
  identity: Identity,
): Attempts {
  const { runtime, health } = host
  let { id, key, session } = identity
  const incidents: Incident[] = []
  const live = new Set<OwnAttempt>()
  /** Highest turn in any hello or take so far. */
  let turn = 0
  /** Id of the hub that has the session. Undefined until a hub has welcomed it. */
  let hub: string | undefined
  /**
   * The transport that was welcomed last, or, before any welcome, dialed last. Undefined before the first hello of the
   * session.
   */
  let dialer: Dialer | undefined
  /** Distinguishes this channel from another that presents the same key. */
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
    dial(rank, auth, takes, isWary, again) {
      const rung = host.dialers[rank] as Dialer // ranks are the ladder's own indices
      if (!hub) dialer = rung
      const now = runtime.now()
      // Before a hub has the session, no packets go with a hello: two hubs behind one address could both deliver them.
      const { packets, sent } = takes && hub ? session.ride() : { packets: [], sent: 0 }
      // A link that is used again keeps its sink, which refers to this same attempt object.
      const attempt: OwnAttempt = Object.assign(again ?? { link: UNDIALED, welcomedAt: now }, {
        dialer: rung,
        rank,
        startedAt: now,
        movedAt: now,
        turn: takes ? ++turn : undefined,
        sent,
        proved: !rung.streamed && !isWary,
        over: false,
      })
      live.add(attempt)
      note(attempt, "dialed")
      if (!again) {
        const sink = createSink(attempt)
        // The dialer, its link and the platform may be the application's code. If they throw, the link counts as
        // broken.
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
        turn: attempt.turn ?? 0, // 0: this hello only probes
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
      // If the link cannot tell whether its bye arrived, it is assumed to have arrived.
      if (link && (!link.told || (await inTime(runtime, defaults.GOODBYE_MS, link.told)))) return
      // `leave` and `target` may run code of the application, which may throw. The async function turns that into a
      // rejection.
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

/**
 * Ends the link of an attempt. `mute`: without a bye if the link holds a connection that the bye might have to wait
 * for.
 */
export function stop({ link, dialer }: Attempt, why: Closing, mute?: boolean): void {
  if (mute && dialer.holds && link.abandon) link.abandon()
  else link.close(why)
}
