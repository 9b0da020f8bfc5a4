import type { Link } from "../../session/link.ts"
import type { Heard } from "../../session/session.ts"
import type { Connections, Dialer } from "../../transports/transport.ts"
import * as defaults from "../../wire/defaults.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import { writeBye, writeHello, writeTake } from "../../wire/handshake.ts"
import { PROBE } from "../../wire/kinds.ts"
import type { Attempt, Attempts, Identity, OwnAttempt } from "./attempt.ts"
import { afterWelcome } from "./climb.ts"
import { type DialHost, openLink, targetOf } from "./dial.ts"
import { inTime } from "./in-time.ts"
import type { Incident } from "./incident.ts"
import { createSink, type SinkHost } from "./sink.ts"
import { FLAP_MS } from "./transport-health.ts"

/** The link of an attempt until `dial` has returned the real one. */
const UNDIALED: Link = { name: "", bufferedBytes: 0, send() {}, close() {} }

/** How many incidents are kept for `explain()`. Older ones are dropped. */
const INCIDENTS = 50

/**
 * A link that carries the session, holds a connection and gets no answer is given up after this time at the earliest.
 * In milliseconds.
 */
const UNANSWERED_MS = 1_000

/** Creates the attempts of one channel, none at first. */
export function createAttempts(
  host: DialHost,
  sinkHost: SinkHost,
  connections: Connections | undefined,
  { id, key, session }: Identity,
): Attempts {
  const { runtime, health } = host
  const incidents: Incident[] = []
  const live = new Set<OwnAttempt>()
  let current: OwnAttempt | undefined
  let hub: string | undefined
  let aliveAt = runtime.now()
  let known: number | undefined
  let isWary = false
  /** Highest turn in any hello or take so far. */
  let turn = 0
  /**
   * The transport that was welcomed last, or, before any welcome, dialed last. Undefined before the first hello of the
   * session.
   */
  let dialer: Dialer | undefined
  /** Distinguishes this channel from another that presents the same key. */
  const holder = runtime.id()

  const healthy = (): OwnAttempt | undefined => (current?.doubted ? undefined : current)

  const newcomers = (): OwnAttempt[] => [...live].filter((attempt) => attempt !== current)

  function note({ dialer, startedAt }: Attempt, what: Incident["what"], why?: Closing): void {
    const at = runtime.now()
    const incident = { at, transport: dialer.name, what, ageMs: at - startedAt, closing: why }
    incidents.push(incident)
    incidents.splice(0, incidents.length - INCIDENTS)
    host.noted(incident)
  }

  function forget(attempt: OwnAttempt): void {
    attempt.over = true
    attempt.cancelYield?.()
    live.delete(attempt)
    session.rode(attempt.sent)
  }

  function end(attempt: OwnAttempt, what: Incident["what"], why?: Closing): void {
    forget(attempt)
    if (why?.code === "timeout") known = undefined
    note(attempt, what, why)
  }

  function letGo(attempt: OwnAttempt, mute?: boolean): void {
    stop(attempt, closing("superseded", "not needed"), mute)
    end(attempt, "let-go")
  }

  /**
   * Tells the hub that this link is the current one from now on, and sends again what the hub may not have received.
   */
  function take(attempt: OwnAttempt, to: Heard): void {
    const { heard, part } = session
    attempt.turn = ++turn
    session.attach(attempt.link, to, to.heard, writeTake({ turn, heard, part }))
  }

  /** Counts the end of a link that carried the session for or against its rung. */
  function judge({ dialer, doubted, welcomedAt, heardAt = welcomedAt }: Attempt): void {
    const now = runtime.now()
    health.died(dialer.name, (doubted ? heardAt : now) - welcomedAt, now)
  }

  /**
   * Ends the attempt if it holds a connection and is not answered in time: the browser may have no connection left for
   * its requests because of the links that hold one. All other attempts that hold one are let go with it.
   */
  function yieldAfter(attempt: OwnAttempt, leastMs: number): void {
    if (!attempt.dialer.holds) return
    attempt.cancelYield?.()
    attempt.cancelYield = connections?.yieldAfter(leastMs, session.rttMs, () => {
      for (const other of live) if (other !== attempt && other.dialer.holds) letGo(other, true)
      sinkHost.end(attempt, true)
    })
  }

  const self: Attempts = {
    incidents,
    live,
    get current() {
      return current
    },
    get session() {
      return session
    },
    get hub() {
      return hub
    },
    get aliveAt() {
      return aliveAt
    },
    get known() {
      return known
    },
    get isWary() {
      return isWary
    },
    healthy,
    newcomers,
    end,
    letGo,
    dial(rank, auth, again) {
      const rung = host.dialers[rank] as Dialer // ranks are the ladder's own indices
      if (!hub) dialer = rung
      const now = runtime.now()
      const takes = !healthy() && !newcomers().length
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
      if (!again) openLink(host, attempt, createSink(attempt, self, sinkHost))
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
        codec: host.codec,
        features: session.settings.features,
      })
      attempt.link.send([hello, ...packets].join("\n"))
      return attempt
    },
    welcomed(attempt, welcome) {
      attempt.welcome = welcome
      aliveAt = attempt.welcomedAt = runtime.now()
      hub = welcome.hub
      dialer = attempt.dialer
      note(attempt, "welcomed")
      if (!attempt.turn || !attempt.proved) {
        attempt.link.send(`${PROBE}0`)
        yieldAfter(attempt, UNANSWERED_MS)
      }
      const move = afterWelcome(attempt, healthy(), health.flaps(dialer.name))
      if (move === "let-go") letGo(attempt)
      if (move === "trial") attempt.trialUntil = attempt.welcomedAt + FLAP_MS
      return move === "adopt"
    },
    moved(attempt) {
      attempt.movedAt = runtime.now()
      session.moved(attempt.link)
    },
    heard(attempt, isAnswer) {
      const isProof = !attempt.proved
      attempt.proved = true
      aliveAt = attempt.heardAt = runtime.now()
      if (!attempt.doubted && isAnswer) attempt.cancelYield?.()
      if (isProof) note(attempt, "proved")
      return isProof
    },
    adopt(attempt, welcome) {
      const before = current
      current = attempt
      known = attempt.rank
      note(attempt, "took-over")
      session.configure({
        heartbeatMs: welcome.speakMs,
        heartbeatTimeoutMs: welcome.patienceMs,
        maxPacketBytes: welcome.maxPayloadBytes + defaults.MAX_HEADER_BYTES,
      })
      session.welcomed(welcome, attempt.startedAt, attempt.welcomedAt)
      if (welcome.attached && attempt.turn === turn) session.attach(attempt.link, welcome, attempt.sent)
      else take(attempt, welcome)
      health.acquit(attempt.dialer.name)
      if (!before) return
      if (before.doubted) judge(before)
      letGo(before, before.doubted)
    },
    trust(attempt) {
      isWary = false
      if (attempt.doubted) {
        attempt.doubted = false
        attempt.cancelYield?.()
      }
      for (const other of newcomers()) if (other.rank >= attempt.rank) letGo(other, true)
    },
    doubt(attempt) {
      yieldAfter(attempt, 0)
      known = undefined
      isWary = attempt.doubted = true
      note(attempt, "doubted")
    },
    forgive() {
      health.forgive()
      known = undefined
    },
    lost(attempt, { code }) {
      if (code === "network") health.diedIdle(runtime.now() - session.idleSince)
      if (code !== "superseded" && code !== "hub-closing") judge(attempt)
      // An HTTP link reports its end late, after repeated exchanges or even by an answer of the next hub. So it is no
      // sign of life.
      if (!attempt.doubted && !attempt.link.exchanges) aliveAt = runtime.now()
      session.linkLost(attempt.link)
      current = undefined
    },
    retake(attempt) {
      if (attempt.turn !== turn) take(attempt, { heard: session.acked })
    },
    begin(identity) {
      hub = dialer = undefined
      ;({ id, key, session } = identity)
    },
    refuse(attempt, why) {
      attempt.sent = 0
      end(attempt, "closed", why)
    },
    async leave(link, why) {
      const bye = writeBye(why, { id, key, hub: hub, said: session.said })
      // If the link cannot tell whether its bye arrived, it is assumed to have arrived.
      if (link && (!link.told || (await inTime(runtime, defaults.GOODBYE_MS, link.told)))) return
      // `leave` and `targetOf` may run code of the application, which may throw. The async function turns that into a
      // rejection.
      const said = dialer?.leave && (async () => dialer?.leave?.(targetOf(host), bye))()
      if (said) await inTime(runtime, defaults.GOODBYE_MS, said.catch(host.report))
      link?.abandon?.()
    },
    dropAll(why) {
      for (const attempt of live) {
        attempt.link.close(why)
        forget(attempt)
        session.linkLost(attempt.link)
      }
      current = undefined
    },
  }
  return self
}

/**
 * Ends the link of an attempt. `mute`: without a bye if the link holds a connection that the bye might have to wait
 * for.
 */
export function stop({ link, dialer }: Attempt, why: Closing, mute?: boolean): void {
  if (mute && dialer.holds && link.abandon) link.abandon()
  else link.close(why)
}
