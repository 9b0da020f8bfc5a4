import { callSafely } from "../../session/call-safely.ts"
import type { LinkSink } from "../../session/link.ts"
import { type Batch, decodeBatch, type Packet } from "../../wire/batch.ts"
import * as defaults from "../../wire/defaults.ts"
import { type Closing, closing, EverwireError, protocolError, wordsOf } from "../../wire/errors.ts"
import { readBye, readWelcome, writeBye } from "../../wire/handshake.ts"
import { ACK, BYE, PROBE } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import { encodePayload } from "../../wire/payload.ts"
import { explain } from "../explain.ts"
import type { Attempt, OwnAttempt } from "./attempt.ts"
import { createAttempts, type Identity, stop } from "./attempts.ts"
import { backoffMs } from "./backoff.ts"
import { afterWelcome, type Climb, nextMove } from "./climb.ts"
import type { Connector, ConnectorHost } from "./connector-host.ts"
import { type Candidate, planClimb } from "./ladder.ts"

/** A link that carries the talk and has not been answered yet is given up no sooner than after this, in milliseconds. */
const UNANSWERED_MS = 1_000

type Climbing = { readonly phase: "climbing"; readonly auth: unknown; plan: Candidate[]; failed: OwnAttempt[] } & {
  -readonly [Part in keyof Climb]: Climb<OwnAttempt>[Part]
}

type State =
  | { readonly phase: "idle" }
  /** Credentials are on their way. */
  | { readonly phase: "asking" }
  /** A race of rungs. It ends when one link is trusted and no other is on its way, or when all have failed. */
  | Climbing
  /** One link carries everything; better rungs, if there are any, are tried again later. */
  | { readonly phase: "settled" }
  | { readonly phase: "waiting" }
  | { readonly phase: "closed" }

/**
 * Connecting, reconnecting, falling back and climbing back are all the same climb: dial the rungs, staggered; the first
 * welcome carries the talk; a better rung that proves itself takes over; the rest are let go.
 */
export function createConnector(host: ConnectorHost, identity: Identity): Connector {
  const { runtime, dialers, health } = host
  /** The session of this moment. */
  let { session } = identity
  let state: State = { phase: "idle" }
  /** When it was entered. */
  let enteredAt = 0
  let current: OwnAttempt | undefined
  let lastClosing = closing("network", "not connected yet")
  /** Climbs in a row that led nowhere, for the back-off. */
  let failures = 0
  /** Background climbs since the current rung took over. */
  let reprobes = 0
  /** How many other hubs in a row did not know the session. */
  let strangers = 0
  /** When the hub that has the session was last heard; at first, since when it may be away. */
  let aliveAt = runtime.now()
  /** Rank of the link before this climb, if it was well until it broke and nothing tells of another network since. */
  let known: number | undefined
  /** The longest wait that anybody asked for in this climb, in milliseconds. */
  let retryAfterMs = 0
  /** Shortens deadlines and waits of a climb that met a captive portal, in milliseconds. */
  let portalMs = Infinity
  /** The one alarm: the next start, deadline, background climb or end of the back-off. */
  let cancelAlarm = (): void => {}

  const attempts = createAttempts(host, createSink, identity)
  /** Absent where no transport holds a connection. */
  const connections = dialers
    .find(({ holds }) => holds)
    ?.holds?.({
      runtime,
      url: host.url,
      verdicts: health,
      changed() {
        if (connections?.isCrowded() && current?.dialer.holds) doubted()
        else if (state.phase === "settled") ask()
        else advance()
      },
    })

  /** The current attempt, unless its link has not answered in time. */
  const healthyOne = (): OwnAttempt | undefined => (current?.doubted ? undefined : current)

  /** The attempts beside the current one. */
  const newcomers = (): readonly Attempt[] => [...attempts.live].filter((attempt) => attempt !== current)

  /** Hears an attempt until its link has ended. */
  function createSink(attempt: OwnAttempt): LinkSink {
    const live =
      <Given extends unknown[]>(hear: (...given: Given) => void) =>
      (...given: Given): void => {
        if (!attempt.over) hear(...given)
      }
    /** What the protocol does not allow ends the link. */
    const guarded = (hear: (packets: readonly Packet[]) => void): ((batch: Batch) => void) =>
      live((batch) => {
        try {
          hear(decodeBatch(batch))
        } catch (error) {
          if (!(error instanceof EverwireError)) throw error
          end(attempt, false, closing(error.code, error.message))
        }
      })
    return {
      batch: guarded((packets) => (attempt.welcome ? heard : answered)(attempt, packets)),
      acknowledged: guarded((packets) => session.acknowledged(attempt.link, packets)),
      closed: live((why) => closed(attempt, why)),
      writable: live(() => session.writable(attempt.link)),
      moved: live(() => {
        attempt.movedAt = runtime.now()
        session.moved(attempt.link)
      }),
    }
  }

  function closed(attempt: OwnAttempt, why: Closing): void {
    attempts.end(attempt, "closed", why)
    lastClosing = why
    if (why.code === "timeout") known = undefined
    // How long the server asks to be left alone, as far as it is believed.
    const wishMs = Math.min(why.retryAfterMs ?? 0, defaults.RETRY_AFTER_CEILING_MS)
    retryAfterMs = Math.max(retryAfterMs, wishMs)
    if (/portal|redir/.test(why.code)) portalMs = defaults.PORTAL_MS
    if (attempt === current) return lost(attempt, why, wishMs)
    // What refuses credentials or versions refuses them on every rung.
    if (!why.retryable && !attempt.welcome) return fatal(why)
    if (state.phase !== "climbing") return
    state.failed.push(attempt)
    // What is asked of the other HTTP rungs would be asked of the same server.
    if (why.code === "rate-limited" && wishMs > 0 && attempt.link.exchanges) state.plan = []
    advance()
  }

  // — climbing —

  /** Begins a climb, with the credentials of this moment. */
  function ask(): void {
    // What is told of a failure may have closed the channel.
    if (state.phase === "closed") return
    const asking: State = { phase: "asking" }
    enter(asking)
    const fail = (error: unknown): void => {
      host.report(error)
      if (state !== asking) return
      lastClosing = closing("unauthorized", `no credentials: ${wordsOf(error)}`)
      rest()
    }
    callSafely(host.auth, fail, (given) => {
      // As each hello will say it: getters and `toJSON` are the application's, and run here alone.
      const { auth } = JSON.parse(encodePayload({ auth: given }) as string) as { auth?: unknown } // no bytes: an object
      if (state === asking) climb(auth)
    })
    // Most answer at once, and a timer costs as much as all of the asking.
    if (state !== asking) return
    alarm(host.authTimeoutMs, () =>
      fail(new EverwireError("timeout", "auth() did not answer in time", { retryable: true })),
    )
  }

  function climb(auth: unknown): void {
    const platform = host.platform()
    const healthy = healthyOne()
    const now = runtime.now()
    const candidates = dialers.flatMap((dialer, rank) =>
      // A climb in the background is for what is better than what works.
      // What is being dialed already is not dialed twice.
      dialer.supported(platform) &&
      (!healthy || rank < healthy.rank) &&
      !newcomers().some((attempt) => attempt.rank === rank)
        ? { rank, holds: !!dialer.holds, brokenUntil: healthy ? 0 : health.brokenUntil(dialer.name, now) }
        : [],
    )
    if (candidates.length === 0 && attempts.live.size === 0) {
      return fatal(closing("unsupported", "no transport is supported here", false))
    }
    retryAfterMs = 0
    portalMs = Infinity
    enter({ phase: "climbing", auth, plan: planClimb(candidates), started: 0, failed: [], hedges: 0 })
    advance()
  }

  /**
   * Does whatever is due in this climb, and sets the alarm for what comes later. An alarm that rings much later than it was to
   * (`rungAt`) starts all rungs, because each of their own alarms may be as late, and gives none up before the next alarm.
   */
  function advance(rungAt = Infinity): void {
    let freeAt: number | undefined
    while (state.phase === "climbing") {
      const climb = state
      const now = runtime.now()
      const isLate = now - rungAt > defaults.LATE_MS
      const [what, given] = nextMove(
        now,
        isLate,
        climb,
        current,
        newcomers(),
        known,
        failures,
        lastClosing.code,
        session.rttMs,
        portalMs,
        freeAt,
      )
      switch (what) {
        case "dial":
          if (climb.plan.shift()) climb.started++
          else climb.hedges++
          dial(climb, given)
          break
        case "adopt":
          return adopt(given)
        case "end":
          return end(given)
        case "condemn":
          for (const { dialer } of given) health.condemn(dialer.name, now)
          climb.failed = []
          break
        case "plan":
          climb.plan = given
          break
        case "slot":
          freeAt = connections?.freeAt() ?? now
          break
        case "hang":
          climb.reprobeAt = now + nextReprobeMs()
          break
        case "rest":
          return rest()
        case "ask":
          return ask()
        case "wait":
          return alarm(given - now, () => advance(isLate ? Infinity : given))
      }
    }
  }

  /** This link has proved itself: nothing worse is needed, and nothing better now. */
  function trust({ rank }: OwnAttempt): void {
    for (const attempt of newcomers()) if (attempt.rank >= rank) attempts.letGo(attempt, true)
    if (state.phase === "climbing") state.plan = []
  }

  /** Nothing is answered beside a link that holds a connection: that may be the one that everything waits for. */
  function yieldAfter(attempt: OwnAttempt, leastMs: number): void {
    if (!attempt.dialer.holds) return
    attempt.cancelYield?.()
    attempt.cancelYield = connections?.yieldAfter(leastMs, session.rttMs, () => {
      for (const other of attempts.live) if (other !== attempt && other.dialer.holds) attempts.letGo(other, true)
      end(attempt, true)
    })
  }

  /**
   * While a link of ours works, a newcomer only probes: a wire that is mute one way must not steal the session. So does one
   * that is dialed beside another: the hub must not say everything to each of them.
   */
  function dial(climbing: Climbing, rank: number, again?: OwnAttempt): void {
    climbing.last = attempts.dial(rank, climbing.auth, !healthyOne() && !newcomers().length, again)
  }

  /** The first batch of a link: its welcome, or a bye. */
  function answered(attempt: OwnAttempt, [first = "", ...rest]: readonly Packet[]): void {
    if (typeof first !== "string") throw protocolError("not text")
    if (kindOf(first) === BYE) return refused(attempt, readBye(first))
    const welcome = readWelcome(first)
    if (attempts.hub && attempts.hub !== welcome.hub) {
      // Two hubs behind one address were dialed at once, and the other one has the session.
      attempt.link.send(writeBye(closing("superseded", "not needed")))
      attempts.letGo(attempt)
      return advance()
    }
    attempt.welcome = welcome
    aliveAt = attempt.welcomedAt = runtime.now()
    strangers = 0
    attempts.welcomed(attempt, welcome.hub)
    if (!attempt.turn || !attempt.proved) {
      attempt.link.send(`${PROBE}0`)
      yieldAfter(attempt, UNANSWERED_MS)
    }
    const move = afterWelcome(attempt, healthyOne(), health.flaps(attempt.dialer.name))
    if (move === "adopt") return adopt(attempt, rest)
    if (move === "let-go") attempts.letGo(attempt)
    if (move === "trial") attempt.trialUntil = attempt.welcomedAt + defaults.FLAP_MS
    advance()
  }

  function heard(attempt: OwnAttempt, packets: readonly Packet[]): void {
    const first = !attempt.proved
    attempt.proved = true
    aliveAt = attempt.heardAt = runtime.now()
    // An answer to what went up. What comes down by itself tells nothing of that.
    if (!attempt.doubted && packets.some((packet) => kindOf(packet) === ACK)) attempt.cancelYield?.()
    if (first) attempts.note(attempt, "proved")
    session.hear(attempt.link, packets)
    if (attempt.over) return
    if (attempt !== current) {
      if (!attempt.trialUntil) adopt(attempt)
    } else if (first) {
      trust(attempt)
      advance()
    }
  }

  /** The hub said bye: not on this link, not to this session, or not to anybody. */
  function refused(attempt: OwnAttempt, { why, hub, ageMs }: ReturnType<typeof readBye>): void {
    const { link } = attempt
    const isUnknown = why.code === "session-unknown"
    if (!isUnknown || link.exchanges) {
      // It has ended the link: no last word is waited for, nor an exchange spent on it.
      link.abandon?.()
      link.close(why)
    }
    if (!isUnknown) return why.retryable ? closed(attempt, why) : fatal(why)
    attempt.sent = 0 // what rode with the hello was not heard
    attempts.end(attempt, "closed", why)
    const climbing = state.phase === "climbing" && state
    if (hub !== attempts.hub && climbing) {
      const healthy = healthyOne()
      // It has answered: nothing worse finds another server. A hub that began since ours was heard is ours, restarted.
      trust(attempt)
      const asks = (healthy || !(ageMs < runtime.now() - aliveAt)) && strangers < defaults.UNKNOWN_RETRIES
      if (asks || healthy) {
        link.close(why)
        // Another hub behind the same address: the next dial may reach the one that knows.
        if (asks) dial(climbing, attempt.rank)
        // Otherwise the one that knows is on the line: what a better rung did not find is no reason to leave it.
        strangers = asks ? strangers + 1 : 0
        return advance()
      }
    }
    strangers = 0
    // What is slow from now on is the hub, and not the wire.
    failures ||= 1
    dropAll(why)
    attempts.reset()
    host.unlinked(why, 0)
    // The hub hears another hello on the link, so that a return takes one connection.
    const goesOn = state === climbing && !link.exchanges && !attempt.welcome
    if (!goesOn) link.close(why)
    if (state.phase === "closed") return // by what was told of it
    const next = host.reset(why)
    attempts.begin(next)
    session = next.session
    if (!goesOn) return ask()
    dial(climbing, attempt.rank, attempt)
    advance()
  }

  /** From now on this link carries the talk. */
  function adopt(attempt: OwnAttempt, rest: readonly Packet[] = []): void {
    const { link, welcome, dialer } = attempt
    if (!welcome) return
    const before = current
    current = attempt
    known = attempt.rank
    failures = 0
    if (before?.rank !== attempt.rank) reprobes = 0
    attempts.note(attempt, "took-over")
    session.configure({
      heartbeatMs: welcome.speakMs,
      heartbeatTimeoutMs: welcome.patienceMs,
      maxPacketBytes: welcome.maxPayloadBytes + defaults.MAX_HEADER_BYTES,
    })
    session.welcomed(welcome, attempt.startedAt, attempt.welcomedAt)
    host.welcomed(welcome)
    if (welcome.attached && attempts.isLast(attempt)) session.attach(link, welcome, attempt.sent)
    else attempts.take(attempt, welcome)
    health.acquit(dialer.name)
    if (before) {
      if (before.doubted) judge(before)
      attempts.letGo(before, before.doubted)
    }
    if (attempt.proved) trust(attempt)
    host.linked(welcome, dialer.name)
    session.hear(link, rest)
    advance()
  }

  /** How long until better rungs are tried again; without an end when they never are to be. */
  function nextReprobeMs(): number {
    const { reprobeMs } = host
    return Math.max(reprobeMs[reprobes++] ?? reprobeMs.at(-1) ?? Infinity, retryAfterMs)
  }

  /** The climb is over, or could not begin. If no link works, the server is away: keep the preferences, wait, try again. */
  function rest(): void {
    const healthy = healthyOne()
    if (!healthy) {
      dropAll(lastClosing)
      // Added, not the longer of the two: those that were told the same time must not come back as a herd.
      // No longer than it has been away: a restart is not slept through.
      const awayMs = Math.max(2 * defaults.BACKOFF_BASE_MS, runtime.now() - aliveAt)
      return wait(retryAfterMs + backoffMs(failures++, runtime.random(), Math.min(portalMs, awayMs)))
    }
    // One link carries everything. The hello of a newcomer that came to nothing may have taken the session: take it back.
    if (!attempts.isLast(healthy)) attempts.take(healthy, { heard: session.acked })
    enter({ phase: "settled" })
    // Where the link holds nothing, a connection is of use only to come later, for a better one.
    if (!healthy.dialer.holds) connections?.leave(healthy.rank > 0)
    // If there are better rungs, they are tried again later.
    if (healthy.rank > 0) alarm(nextReprobeMs(), ask)
  }

  function wait(waitMs: number): void {
    if (state.phase === "closed") return
    connections?.leave()
    enter({ phase: "waiting" })
    alarm(waitMs, ask)
    host.unlinked(lastClosing, waitMs)
  }

  /** The link that carried the talk is gone. */
  function lost(attempt: OwnAttempt, why: Closing, wishMs: number): void {
    if (why.code === "network") health.diedIdle(runtime.now() - session.idleSince)
    if (why.code !== "superseded" && why.code !== "hub-closing") judge(attempt)
    // Over HTTP an end is noticed late, by repeated exchanges or from the next hub.
    if (!attempt.doubted && !attempt.link.exchanges) aliveAt = runtime.now()
    session.linkLost(attempt.link)
    current = undefined
    for (const other of attempts.live) if (other.heardAt) return adopt(other)
    const strikes = health.strikes(attempt.dialer.name) - defaults.STRIKES
    // The first redial is at once; a wire that keeps dying young, or a hub that asks for it, is given time.
    const waitMs = wishMs + (strikes > 0 ? backoffMs(strikes, runtime.random()) : 0)
    if (waitMs > 0 && attempts.live.size === 0) return wait(waitMs)
    host.unlinked(why, 0)
    ask()
  }

  /** Ends its link from this side. */
  function end(
    attempt: OwnAttempt,
    mute?: boolean,
    why = closing(attempt.welcome ? "silent" : "timeout", "nothing came in time"),
  ): void {
    stop(attempt, why, mute)
    closed(attempt, why)
  }

  /** How the death of a link that was in use counts against its rung. */
  function judge({ dialer, doubted, welcomedAt, heardAt = welcomedAt }: OwnAttempt): void {
    const now = runtime.now()
    health.died(dialer.name, (doubted ? heardAt : now) - welcomedAt, now)
  }

  function dropAll(why: Closing): void {
    attempts.dropAll(why)
    current = undefined
  }

  function fatal(why: Closing): void {
    shut(why)
    host.ended(why)
  }

  function shut(why: Closing): void {
    lastClosing = why
    dropAll(why)
    connections?.leave()
    enter({ phase: "closed" })
  }

  function enter(next: State): void {
    cancelAlarm()
    state = next
    enteredAt = runtime.now()
  }

  function alarm(delayMs: number, run: () => void): void {
    cancelAlarm()
    if (delayMs < Infinity) cancelAlarm = runtime.after(delayMs, run)
  }

  return {
    get session() {
      return session
    },
    get current() {
      return current
    },
    explain: () => explain(host, attempts.incidents, current, lastClosing, connections?.isCrowded()),
    open() {
      if (state.phase === "idle") ask()
    },
    close(why) {
      const link = healthyOne()?.link
      hangUp(why)
      return attempts.leave(link, why)
    },
    nudge(forgive) {
      if (forgive) {
        health.forgive()
        known = undefined
      }
      const wasClimbing = state.phase === "climbing"
      // A hidden tab's alarms ring up to a minute late: what is due is done now.
      advance()
      const { phase } = state
      if (phase === "waiting" || (phase === "asking" && forgive)) {
        failures = 0
        // Called by what the last failure has called, it must not fail again in the same moment, and so on without an end.
        if (!wasClimbing && enteredAt >= runtime.now()) {
          if (phase === "waiting") alarm(1, ask)
          return
        }
      } else {
        session.probe()
        if (phase !== "settled" || !current?.rank) return
        reprobes = 0
      }
      ask()
    },
    park(forEver) {
      if (state.phase === "closed") return
      const why = closing("closed", "the page was put away", !forEver)
      if (forEver) {
        // Beside the links and first: the page may be gone in a moment.
        void attempts.leave(undefined, why)
        hangUp(why)
        return host.ended(why)
      }
      dropAll(why)
      wait(Infinity)
    },
    doubted,
    answered() {
      if (!current?.doubted) return
      current.doubted = false
      current.cancelYield?.()
      trust(current)
      advance()
    },
    control(link, packet) {
      for (const attempt of attempts.live) if (attempt.link === link) refused(attempt, readBye(packet))
    },
  }

  function hangUp(why: Closing): void {
    // What was heard is acknowledged, so that the hub does not count it as lost.
    const ack = current && session.owesAck ? `${session.acknowledgement(current.link)}\n` : ""
    current?.link.send(ack + writeBye(why))
    shut(why)
  }

  function doubted(): void {
    const healthy = healthyOne()
    if (!healthy) return
    yieldAfter(healthy, 0)
    known = undefined
    healthy.doubted = true
    attempts.note(healthy, "doubted")
    ask()
  }
}
