import { callSafely } from "../../session/call-safely.ts"
import type { LinkSink } from "../../session/link.ts"
import { type Batch, decodeBatch, type Packet } from "../../wire/batch.ts"
import * as defaults from "../../wire/defaults.ts"
import { type Closing, closing, EverwireError, protocolError, wordsOf } from "../../wire/errors.ts"
import { AUTH_REFRESH } from "../../wire/features.ts"
import { type AuthReason, readBye, readWelcome, writeBye } from "../../wire/handshake.ts"
import { ACK, BYE, CREDENTIALS, PROBE } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import { encodePayload } from "../../wire/payload.ts"
import { explain } from "../explain.ts"
import type { Attempt, OwnAttempt } from "./attempt.ts"
import { createAttempts, type Identity, stop } from "./attempts.ts"
import { backoffMs } from "./backoff.ts"
import { afterWelcome, type Climb, nextMove } from "./climb.ts"
import type { Connector, ConnectorHost } from "./connector-host.ts"
import { type Candidate, planClimb } from "./ladder.ts"

/**
 * A link that carries the session, holds a connection and gets no answer is given up after this time at the earliest.
 * In milliseconds.
 */
const UNANSWERED_MS = 1_000

type Climbing = { readonly phase: "climbing"; readonly auth: unknown; plan: Candidate[]; failed: OwnAttempt[] } & {
  -readonly [Part in keyof Climb]: Climb<OwnAttempt>[Part]
}

type State =
  | { readonly phase: "idle" }
  /** The application's `auth` was called and has not answered yet. */
  | { readonly phase: "asking" }
  /**
   * A race of rungs. It ends when one link is trusted and no other attempt is open, or when all attempts have failed.
   */
  | Climbing
  /** One link carries the session. If there are better rungs, they are tried again later. */
  | { readonly phase: "settled" }
  | { readonly phase: "waiting" }
  | { readonly phase: "closed" }

/**
 * Creates the connector of a channel. Connecting, reconnecting, falling back and climbing back are all the same climb:
 * the rungs are dialed one after another with small gaps; the first welcomed link carries the session; a better rung
 * that proves itself takes over; all other attempts are let go.
 */
export function createConnector(host: ConnectorHost, identity: Identity): Connector {
  const { runtime, dialers, health } = host
  /** The session that is kept linked now. */
  let { session } = identity
  let state: State = { phase: "idle" }
  /** When `state` was entered. */
  let enteredAt = 0
  let current: OwnAttempt | undefined
  let lastClosing = closing("network", "not connected yet")
  /** How many climbs in a row failed, for the back-off. */
  let failures = 0
  /** How many background climbs were scheduled since the current rung took over. */
  let reprobes = 0
  /** How many hubs in a row, other than the one that has the session, did not know it. */
  let strangers = 0
  /**
   * When the hub that has the session last showed that it is alive. Before the first sign: when this connector was
   * created.
   */
  let aliveAt = runtime.now()
  /**
   * Rank of the link before this climb. Undefined if that link was not healthy until it broke, or if something since
   * suggests another network.
   */
  let known: number | undefined
  /** The longest wait that a server asked for in this climb, in milliseconds. */
  let retryAfterMs = 0
  /** After this climb met a captive portal: the limit for its deadlines and waits, in milliseconds. */
  let portalMs = Infinity
  /** Cancels the one timer: for the next dial, deadline, background climb or end of the back-off. */
  let cancelAlarm = (): void => {}

  const attempts = createAttempts(host, createSink, identity)
  /**
   * Shares the browser's few connections with other tabs. Undefined if no transport in the ladder holds a connection.
   */
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

  /** All attempts but the current one. */
  const newcomers = (): readonly Attempt[] => [...attempts.live].filter((attempt) => attempt !== current)

  /** Makes the sink that passes on what an attempt's link receives, until that link has ended. */
  function createSink(attempt: OwnAttempt): LinkSink {
    const live =
      <Given extends unknown[]>(hear: (...given: Given) => void) =>
      (...given: Given): void => {
        if (!attempt.over) hear(...given)
      }
    /** Ends the link if a batch breaks the protocol. */
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
    // How long the server asks the client to stay away, up to a limit.
    const wishMs = Math.min(why.retryAfterMs ?? 0, defaults.RETRY_AFTER_CEILING_MS)
    retryAfterMs = Math.max(retryAfterMs, wishMs)
    if (/portal|redir/.test(why.code)) portalMs = defaults.PORTAL_MS
    if (attempt === current) return lost(attempt, why, wishMs)
    // A server that refuses these credentials or this version of the protocol refuses them on every rung.
    if (!why.retryable && !attempt.welcome) return fatal(why)
    if (state.phase !== "climbing") return
    state.failed.push(attempt)
    // The server asked for fewer requests, and the other HTTP rungs would send theirs to the same server.
    if (why.code === "rate-limited" && wishMs > 0 && attempt.link.exchanges) state.plan = []
    advance()
  }

  // — climbing —

  /** Begins a climb. It asks the application for fresh credentials first. */
  function ask(): void {
    // A listener that was told of a failure may have closed the channel.
    if (state.phase === "closed") return
    const asking: State = { phase: "asking" }
    enter(asking)
    const fail = (error: unknown): void => {
      host.report(error)
      if (state !== asking) return
      lastClosing = closing("unauthorized", `no credentials: ${wordsOf(error)}`)
      rest()
    }
    credentials("connect", fail, (json) => {
      // Turned into plain data once: getters and `toJSON` of the application run here, and not again for each hello.
      if (state === asking) climb((JSON.parse(json) as { auth?: unknown }).auth)
    })
    // Most `auth` functions answer at once, and a timer would cost as much as the whole call.
    if (state !== asking) return
    alarm(host.authTimeoutMs, () =>
      fail(new EverwireError("timeout", "auth() did not answer in time", { retryable: true })),
    )
  }

  /** Asks the application for credentials. `done` gets them as `auth` of a JSON object. */
  function credentials(reason: AuthReason, fail: (error: unknown) => void, done: (json: string) => void): void {
    callSafely(
      () => host.auth(reason),
      fail,
      (auth) => done(encodePayload({ auth }) as string), // no bytes: an object
    )
  }

  function climb(auth: unknown): void {
    const platform = host.platform()
    const healthy = healthyOne()
    const now = runtime.now()
    const candidates = dialers.flatMap((dialer, rank) =>
      // While a link works, only better rungs are dialed. A rung with an open attempt is not dialed twice.
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
   * Does everything that is due in this climb, then sets the alarm for the next step. `rungAt`: when the alarm that
   * called this should have rung. If it rang much later, all rungs are dialed at once, because each of their own alarms
   * may be as late, and no attempt is given up before the next alarm.
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

  /**
   * The link of this attempt has proved itself. Attempts on this rung or worse ones are let go, and no further rung is
   * dialed in this climb.
   */
  function trust({ rank }: OwnAttempt): void {
    for (const attempt of newcomers()) if (attempt.rank >= rank) attempts.letGo(attempt, true)
    if (state.phase === "climbing") state.plan = []
  }

  /**
   * Ends the attempt if it holds a connection and is not answered in time: the browser may have no connection left for
   * its requests because of the links that hold one. All other attempts that hold one are let go with it.
   */
  function yieldAfter(attempt: OwnAttempt, leastMs: number): void {
    if (!attempt.dialer.holds) return
    attempt.cancelYield?.()
    attempt.cancelYield = connections?.yieldAfter(leastMs, session.rttMs, () => {
      for (const other of attempts.live) if (other !== attempt && other.dialer.holds) attempts.letGo(other, true)
      end(attempt, true)
    })
  }

  /**
   * Dials a rung. While the current link works, or another attempt is open, the hello of the new attempt has no turn:
   * it only probes. A link that carries data in one direction alone must not take the session over, and the hub must
   * not send its packets on several links.
   */
  function dial(climbing: Climbing, rank: number, again?: OwnAttempt): void {
    climbing.last = attempts.dial(rank, climbing.auth, !healthyOne() && !newcomers().length, again)
  }

  /** Reads the first batch of a link: a welcome or a bye. */
  function answered(attempt: OwnAttempt, [first = "", ...rest]: readonly Packet[]): void {
    if (typeof first !== "string") throw protocolError("not text")
    if (kindOf(first) === BYE) return refused(attempt, readBye(first))
    const welcome = readWelcome(first)
    if (attempts.hub && attempts.hub !== welcome.hub) {
      // Two hubs behind one address were dialed at the same time. The other one has the session.
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
    // An ack answers something that this link sent. Other packets come by themselves and do not prove that the way up
    // works.
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

  /** The hub sent a bye. It refuses this link, or does not know the session, or ends the session. */
  function refused(attempt: OwnAttempt, { why, hub, ageMs, heard }: ReturnType<typeof readBye>): void {
    const { link } = attempt
    const isUnknown = why.code === "session-unknown"
    if (!isUnknown || link.exchanges) {
      // The hub has ended the link. So the channel sends no bye of its own, which would cost an exchange.
      link.abandon?.()
      link.close(why)
    }
    if (!isUnknown) {
      if (!why.retryable) return fatal(why)
      // The hub has ended the session. So the next hello need not look for a hub that knows it.
      if (attempt === current && heard >= 0) {
        for (const other of newcomers()) attempts.letGo(other)
        attempt.sent = 0
        anew(why, heard)
      }
      return closed(attempt, why)
    }
    attempt.sent = 0 // packets that went with a refused hello were not delivered
    attempts.end(attempt, "closed", why)
    const climbing = state.phase === "climbing" && state
    if (hub !== attempts.hub && climbing) {
      const healthy = healthyOne()
      // A hub answered, so this rung works, and worse rungs lead to the same server. A hub that started after our hub
      // was last heard is probably our hub after a restart: then asking again finds nobody who knows the session.
      trust(attempt)
      const asks = (healthy || !(ageMs < runtime.now() - aliveAt)) && strangers < defaults.UNKNOWN_RETRIES
      if (asks || healthy) {
        link.close(why)
        // It is another hub behind the same address. The next dial may reach the hub that knows the session.
        if (asks) dial(climbing, attempt.rank)
        // Otherwise the current link leads to the hub that knows the session. A better rung that missed it does not
        // change that.
        strangers = asks ? strangers + 1 : 0
        return advance()
      }
    }
    strangers = 0
    // With `failures` above 0 the next climb waits longer for answers: a hub that has just restarted may be slow although the network is
    // not.
    failures ||= 1
    dropAll(why)
    host.unlinked(why, 0)
    // Unless this is an HTTP link, the hub accepts another hello on it, which saves a new connection.
    const goesOn = state === climbing && !link.exchanges && !attempt.welcome
    if (!goesOn) link.close(why)
    if (state.phase === "closed") return // a listener of `unlinked` may have closed the channel
    anew(why)
    if (!goesOn) return ask()
    dial(climbing, attempt.rank, attempt)
    advance()
  }

  /** Begins another session. */
  function anew(why: Closing, heard?: number): void {
    attempts.reset()
    const next = host.reset(why, heard)
    attempts.begin(next)
    session = next.session
  }

  /** Makes the link of this attempt the current one. */
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

  /** Returns how long to wait before better rungs are tried again, in milliseconds. `Infinity` if they never are. */
  function nextReprobeMs(): number {
    const { reprobeMs } = host
    return Math.max(reprobeMs[reprobes++] ?? reprobeMs.at(-1) ?? Infinity, retryAfterMs)
  }

  /**
   * Ends a climb, or one that could not begin. If no link works, the server is away: the channel waits and dials again.
   */
  function rest(): void {
    const healthy = healthyOne()
    if (!healthy) {
      dropAll(lastClosing)
      // The back-off is added to the time that the server asked for: clients that were told the same time must not all
      // come back at that moment. It is not longer than the server was away, so that a short restart causes no long
      // wait.
      const awayMs = Math.max(2 * defaults.BACKOFF_BASE_MS, runtime.now() - aliveAt)
      return wait(retryAfterMs + backoffMs(failures++, runtime.random(), Math.min(portalMs, awayMs)))
    }
    // The hello of an attempt that came to nothing may have made its link the current one at the hub. A take undoes
    // that.
    if (!attempts.isLast(healthy)) attempts.take(healthy, { heard: session.acked })
    enter({ phase: "settled" })
    // This link holds no connection. The channel stays in the queue for one only if it can serve a better rung.
    if (!healthy.dialer.holds) connections?.leave(healthy.rank > 0)
    // Better rungs, if there are any, are tried again later.
    if (healthy.rank > 0) alarm(nextReprobeMs(), ask)
  }

  function wait(waitMs: number): void {
    if (state.phase === "closed") return
    connections?.leave()
    enter({ phase: "waiting" })
    alarm(waitMs, ask)
    host.unlinked(lastClosing, waitMs)
  }

  /** The link that carried the session has ended. */
  function lost(attempt: OwnAttempt, why: Closing, wishMs: number): void {
    if (why.code === "network") health.diedIdle(runtime.now() - session.idleSince)
    if (why.code !== "superseded" && why.code !== "hub-closing") judge(attempt)
    // An HTTP link reports its end late, after repeated exchanges or even by an answer of the next hub. So it is no
    // sign of life.
    if (!attempt.doubted && !attempt.link.exchanges) aliveAt = runtime.now()
    session.linkLost(attempt.link)
    current = undefined
    for (const other of attempts.live) if (other.heardAt) return adopt(other)
    const strikes = health.strikes(attempt.dialer.name) - defaults.STRIKES
    // The first redial is immediate. There is a wait only if links of this rung die young again and again, or the hub
    // asks for it.
    const waitMs = wishMs + (strikes > 0 ? backoffMs(strikes, runtime.random()) : 0)
    if (waitMs > 0 && attempts.live.size === 0) return wait(waitMs)
    host.unlinked(why, 0)
    ask()
  }

  /** Ends the link of an attempt from this side. */
  function end(
    attempt: OwnAttempt,
    mute?: boolean,
    why = closing(attempt.welcome ? "silent" : "timeout", "nothing came in time"),
  ): void {
    stop(attempt, why, mute)
    closed(attempt, why)
  }

  /** Counts the end of a link that carried the session for or against its rung. */
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
      // In a hidden tab the timers ring up to a minute late, so everything that is due is done now.
      advance()
      const { phase } = state
      if (phase === "waiting" || (phase === "asking" && forgive)) {
        failures = 0
        // If a listener of the last failure called this, dialing at once could fail in the same moment again, in an
        // endless loop.
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
        // First of all, and by a request without a link: the page may be gone in a moment.
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
      if (kindOf(packet) === CREDENTIALS && session.features?.includes(AUTH_REFRESH)) {
        // A link that has ended meanwhile forgets what is sent on it.
        return credentials("expiring", host.report, (json) => link.send(`${packet}\t${json}`))
      }
      for (const attempt of attempts.live) if (attempt.link === link) refused(attempt, readBye(packet))
    },
  }

  function hangUp(why: Closing): void {
    // The ack tells the hub what has arrived, so that the hub does not count it as lost.
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
