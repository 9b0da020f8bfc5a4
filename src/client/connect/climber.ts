import type { Connections } from "../../transports/transport.ts"
import type { Packet } from "../../wire/batch.ts"
import * as defaults from "../../wire/defaults.ts"
import { type Closing, closing, EverwireError, wordsOf } from "../../wire/errors.ts"
import type { Attempts, OwnAttempt } from "./attempt.ts"
import { stop } from "./attempts.ts"
import { BACKOFF_BASE_MS, backoffMs, PORTAL_MS, RETRY_AFTER_CEILING_MS } from "./backoff.ts"
import { nextMove } from "./climb.ts"
import type { Climber, State } from "./climbing.ts"
import type { ConnectorHost } from "./connector-host.ts"
import { askCredentials } from "./credentials.ts"
import { planClimb } from "./ladder.ts"
import { STRIKES } from "./transport-health.ts"

/** Time limit of a probe that is sent because the page or the network came back. */
export const NUDGE_MS = 2_000

/** Creates the climber of a channel, which does nothing before `open`. */
export function createClimber(host: ConnectorHost, attempts: Attempts, connections: Connections | undefined): Climber {
  const { runtime, dialers, health } = host
  let state: State = { phase: "idle" }
  /** When `state` was entered. */
  let enteredAt = 0
  /** How many climbs in a row failed, for the back-off. */
  let failures = 0
  /** How many background climbs were scheduled since the current rung took over. */
  let reprobes = 0
  /** The longest wait that a server asked for in this climb, in milliseconds. */
  let retryAfterMs = 0
  /** After this climb met a captive portal: the limit for its deadlines and waits, in milliseconds. */
  let portalMs = Infinity
  /** Cancels the one timer: for the next dial, deadline, background climb or end of the back-off. */
  let cancelAlarm = (): void => {}

  function ask(): void {
    // A listener that was told of a failure may have closed the channel.
    if (state.phase === "closed") return
    const asking: State = { phase: "asking" }
    enter(asking)
    const fail = (error: unknown): void => {
      host.report(error)
      if (state !== asking) return
      self.lastClosing = closing("unauthorized", `no credentials: ${wordsOf(error)}`)
      rest()
    }
    askCredentials(host.auth, "connect", fail, (json) => {
      // Turned into plain data once: getters and `toJSON` of the application run here, and not again for each hello.
      if (state === asking) climb((JSON.parse(json) as { auth?: unknown }).auth)
    })
    // Most `auth` functions answer at once, and a timer would cost as much as the whole call.
    if (state !== asking) return
    alarm(host.authTimeoutMs, () =>
      fail(new EverwireError("timeout", "auth() did not answer in time", { retryable: true })),
    )
  }

  function climb(auth: unknown): void {
    const platform = host.platform()
    const healthy = attempts.healthy()
    const newcomers = attempts.newcomers()
    const now = runtime.now()
    const candidates = dialers.flatMap((dialer, rank) =>
      // While a link works, only better rungs are dialed. A rung with an open attempt is not dialed twice.
      dialer.supported(platform) &&
      (!healthy || rank < healthy.rank) &&
      !newcomers.some((attempt) => attempt.rank === rank)
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
   * `rungAt`: when the alarm that called this should have rung. If it rang much later, all rungs are dialed at once,
   * because each of their own alarms may be as late, and no attempt is given up before the next alarm.
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
        attempts.current,
        attempts.newcomers(),
        attempts.known,
        failures,
        self.lastClosing.code,
        attempts.session.rttMs,
        portalMs,
        freeAt,
      )
      switch (what) {
        case "dial":
          if (climb.plan.shift()) climb.started++
          else climb.hedges++
          climb.last = attempts.dial(given, climb.auth)
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

  /** Returns how long to wait before better rungs are tried again, in milliseconds. `Infinity` if they never are. */
  function nextReprobeMs(): number {
    const { reprobeMs } = host
    return Math.max(reprobeMs[reprobes++] ?? reprobeMs.at(-1) ?? Infinity, retryAfterMs)
  }

  /**
   * Ends a climb, or one that could not begin. If no link works, the server is away: the channel waits and dials again.
   */
  function rest(): void {
    const healthy = attempts.healthy()
    if (!healthy) {
      attempts.dropAll(self.lastClosing)
      // The back-off is added to the time that the server asked for: clients that were told the same time must not all
      // come back at that moment. It is not longer than the server was away, so that a short restart causes no long
      // wait.
      const awayMs = Math.max(2 * BACKOFF_BASE_MS, runtime.now() - attempts.aliveAt)
      return wait(retryAfterMs + backoffMs(failures++, runtime.random(), Math.min(portalMs, awayMs)))
    }
    attempts.retake(healthy)
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
    host.unlinked(self.lastClosing, waitMs)
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

  function adopt(attempt: OwnAttempt, rest: readonly Packet[] = []): void {
    const { welcome } = attempt
    if (!welcome) return
    failures = 0
    if (attempts.current?.rank !== attempt.rank) reprobes = 0
    host.welcomed(welcome)
    attempts.adopt(attempt, welcome)
    if (attempt.proved) trust(attempt)
    host.linked(welcome, attempt.dialer.name)
    attempts.session.hear(attempt.link, rest)
    advance()
  }

  function trust(attempt: OwnAttempt): void {
    attempts.trust(attempt)
    if (state.phase === "climbing") state.plan = []
  }

  function closed(attempt: OwnAttempt, why: Closing): void {
    attempts.end(attempt, "closed", why)
    self.lastClosing = why
    // How long the server asks the client to stay away, up to a limit.
    const wishMs = Math.min(why.retryAfterMs ?? 0, RETRY_AFTER_CEILING_MS)
    retryAfterMs = Math.max(retryAfterMs, wishMs)
    if (/portal|redir/.test(why.code)) portalMs = PORTAL_MS
    if (attempt === attempts.current) return lost(attempt, why, wishMs)
    // A server that refuses these credentials or this version of the protocol refuses them on every rung.
    if (!why.retryable && !attempt.welcome) return fatal(why)
    if (state.phase !== "climbing") return
    state.failed.push(attempt)
    // The server asked for fewer requests, and the other HTTP rungs would send theirs to the same server.
    if (why.code === "rate-limited" && wishMs > 0 && attempt.link.exchanges) state.plan = []
    advance()
  }

  /** The link that carried the session has ended. */
  function lost(attempt: OwnAttempt, why: Closing, wishMs: number): void {
    attempts.lost(attempt, why)
    for (const other of attempts.live) if (other.heardAt) return adopt(other)
    const strikes = health.strikes(attempt.dialer.name) - STRIKES
    // The first redial is immediate. There is a wait only if links of this rung die young again and again, or the hub
    // asks for it.
    const waitMs = wishMs + (strikes > 0 ? backoffMs(strikes, runtime.random()) : 0)
    if (waitMs > 0 && attempts.live.size === 0) return wait(waitMs)
    host.unlinked(why, 0)
    ask()
  }

  function end(
    attempt: OwnAttempt,
    mute?: boolean,
    why = closing(attempt.welcome ? "silent" : "timeout", "nothing came in time"),
  ): void {
    stop(attempt, why, mute)
    closed(attempt, why)
  }

  function fatal(why: Closing): void {
    self.shut(why)
    host.ended(why)
  }

  const self: { -readonly [Field in keyof Climber]: Climber[Field] } = {
    get state() {
      return state
    },
    lastClosing: closing("network", "not connected yet"),
    open() {
      if (state.phase === "idle") ask()
    },
    ask,
    advance,
    dial(rank, again) {
      if (state.phase === "climbing") state.last = attempts.dial(rank, state.auth, again)
    },
    adopt,
    trust,
    closed,
    end,
    restarted() {
      failures ||= 1
    },
    freed() {
      if (state.phase === "settled") ask()
      else advance()
    },
    wait,
    nudge(forgive) {
      if (forgive) attempts.forgive()
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
        attempts.session.probe(NUDGE_MS)
        if (phase !== "settled" || !attempts.current?.rank) return
        reprobes = 0
      }
      ask()
    },
    fatal,
    shut(why) {
      self.lastClosing = why
      attempts.dropAll(why)
      connections?.leave()
      enter({ phase: "closed" })
    },
  }
  return self
}
