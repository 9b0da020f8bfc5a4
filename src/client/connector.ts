import { callSafely } from "../kernel/call-safely.ts"
import { type Batch, decodeBatch, type Packet } from "../kernel/codec.ts"
import * as defaults from "../kernel/defaults.ts"
import { type Closing, closing, EverwireError, protocolError, wordsOf } from "../kernel/errors.ts"
import { readBye, readWelcome, type Welcome, writeBye, writeTake } from "../kernel/handshake.ts"
import type { Link } from "../kernel/link.ts"
import { kindOf } from "../kernel/packet.ts"
import { encodePayload } from "../kernel/payload.ts"
import type { Heard } from "../kernel/session.ts"
import type { Attempt, AttemptHost } from "./attempt.ts"
import { Attempts, type DialHost, type Identity } from "./attempts.ts"
import { backoffMs } from "./backoff.ts"
import { Connections } from "./connections.ts"
import type { Incident } from "./incident.ts"
import { nextStartAt, planClimb } from "./ladder.ts"

/** What the connector needs of the channel, and tells it. */
export interface ConnectorHost extends DialHost {
  readonly reprobeMs: readonly number[]
  /** The credentials for the next hellos, or a promise of them, which has so long. */
  readonly auth: () => unknown
  readonly authTimeoutMs: number
  /** A link is about to carry the talk: what is said has to fit. */
  welcomed(welcome: Welcome): void
  /** A link carries the talk: the first, or another. */
  linked(welcome: Welcome, transport: string): void
  /** No link does; the next climb begins in so many milliseconds. */
  unlinked(why: Closing, retryInMs: number): void
  /** The hub does not know the session: mints another. */
  reset(why: Closing): Identity
  /** Nothing will help: the channel is over. */
  ended(why: Closing): void
}

/** A link that carries the talk and has not been answered yet is given up no sooner than after this, in milliseconds. */
const UNANSWERED_MS = 1_000
/** A connection is held although none is free when the last thing dialed was not welcomed for so long, in milliseconds. */
const LAST_RESORT_MS = 4_000

type State =
  | { readonly phase: "idle" }
  /** Credentials are on their way. */
  | { readonly phase: "asking" }
  /** A race of rungs. It ends when one link is trusted and no other is on its way, or when all have failed. */
  | {
      readonly phase: "climbing"
      readonly auth: unknown
      /** Ranks that have not been started, in the order they will be. */
      plan: number[]
      /** How many have been started. */
      started: number
      last?: Attempt
      /** Ranks that failed. */
      readonly failed: number[]
      /** How often the best rung has been dialed again beside those that did not answer. */
      hedges: number
      /** When the next climb begins although a better rung still hangs in this one. */
      reprobeAt?: number
    }
  /** One link carries everything; better rungs, if there are any, are tried again later. */
  | { readonly phase: "settled" }
  | { readonly phase: "waiting" }
  | { readonly phase: "closed" }

/**
 * Keeps a session linked. Connecting, reconnecting, falling back and climbing back are all the same climb: dial the rungs,
 * staggered; the first welcome carries the talk; a better rung that proves itself takes over; the rest are let go.
 */
export class Connector implements AttemptHost {
  /** The session of this moment. */
  identity: Identity
  /** The attempt whose link carries the talk. */
  current: Attempt | undefined
  /** Why the last link that ended did. */
  lastClosing: Closing = closing("network", "not connected yet")
  readonly #host: ConnectorHost
  #state: State = { phase: "idle" }
  /** When it was entered. */
  #enteredAt = 0
  readonly #attempts: Attempts
  readonly #connections: Connections
  /** Climbs in a row that led nowhere, for the back-off. */
  #failures = 0
  /** Background climbs since the current rung took over. */
  #reprobes = 0
  /** How many other hubs in a row did not know the session. */
  #unknown = 0
  /** The longest wait that anybody asked for in this climb, in milliseconds. */
  #retryAfterMs = 0
  /** Shortens deadlines and waits of a climb that met a captive portal, in milliseconds. */
  #portalMs: number | undefined
  /** The one alarm: the next start, deadline, background climb or end of the back-off. */
  #cancelAlarm = (): void => {}

  constructor(host: ConnectorHost, identity: Identity) {
    this.#host = host
    this.identity = identity
    this.#attempts = new Attempts(host, this)
    this.#connections = new Connections(
      host,
      () => this.#slotTaken(),
      () => this.identity.session.probe(),
    )
  }

  /** The current attempt, unless its link has not answered in time. */
  get #healthy(): Attempt | undefined {
    return this.current?.doubted ? undefined : this.current
  }

  /** The attempts beside the current one. */
  get #newcomers(): readonly Attempt[] {
    return Array.from(this.#attempts).filter((attempt) => attempt !== this.current)
  }

  /** Whether other tabs hold the connections that a stream or a long poll would need. */
  get isCrowded(): boolean {
    return this.#connections.isCrowded(this.#host.runtime.now())
  }

  get #isClosed(): boolean {
    return this.#state.phase === "closed"
  }

  /** The last things that happened, oldest first. */
  get incidents(): readonly Incident[] {
    return this.#attempts.incidents
  }

  open(): void {
    if (this.#state.phase === "idle") this.#ask()
  }

  /**
   * Ends it: says goodbye on the current link, and beside it when that is not heard. `atOnce`: beside it without waiting,
   * because the page may be gone in a moment. Resolves when the hub has heard it, or after twice `GOODBYE_MS`.
   */
  close(why: Closing, atOnce = false): Promise<void> {
    const link = atOnce ? undefined : this.#healthy?.link
    const { current } = this
    const { session } = this.identity
    // What was heard is acknowledged, so that the hub does not count it as lost.
    const ack = current && session.owesAck ? `${session.acknowledgement(current.link)}\n` : ""
    current?.link.send(ack + writeBye(why))
    this.lastClosing = why
    this.#dropAll(why)
    this.#enter({ phase: "closed" })
    return this.#attempts.leave(this.identity, link, why)
  }

  /** Something about the page or the network changed: look at once at whatever is being waited for. */
  nudge(forgive: boolean): void {
    if (forgive) this.#host.standing.forgive()
    const wasClimbing = this.#state.phase === "climbing"
    // A hidden tab's alarms ring up to a minute late: what is due is done now.
    this.#advance()
    const { phase } = this.#state
    if (phase === "waiting" || (phase === "asking" && forgive)) {
      this.#failures = 0
      // Called by what the last failure has called, it must not fail again in the same moment, and so on without an end.
      if (wasClimbing || this.#enteredAt < this.#host.runtime.now()) return this.#ask()
      if (phase === "waiting") this.#alarm(1, () => this.#ask())
      return
    }
    this.identity.session.probe()
    if (phase !== "settled" || !this.current?.rank) return
    this.#reprobes = 0
    this.#ask()
  }

  /** The page is being put away: let go of the wire, keep the session unless it is for ever. `nudge` brings it back. */
  park(forEver: boolean): void {
    if (this.#isClosed) return
    const why = closing("closed", "the page was put away", !forEver)
    if (forEver) {
      void this.close(why, true)
      return this.#host.ended(why)
    }
    this.#dropAll(why)
    this.#wait(Infinity)
  }

  /** The session's link does not answer: dial again without dropping it. */
  doubted(): void {
    const healthy = this.#healthy
    if (healthy === undefined) return
    this.#yieldAfter(healthy, 0)
    healthy.doubted = true
    this.#attempts.note(healthy, "doubted")
    this.#ask()
  }

  /** The session's link answers. */
  answered(): void {
    const { current } = this
    if (!current?.doubted) return
    current.doubted = false
    current.cancelYield()
    this.#trust(current)
    this.#advance()
  }

  /** A packet of the handshake on a link that was welcomed: only a bye is one. */
  control(link: Link, packet: string): void {
    if (kindOf(packet) !== "b") throw protocolError("an unknown kind of packet")
    for (const attempt of this.#attempts) if (attempt.link === link) this.#refused(attempt, readBye(packet))
  }

  batch(attempt: Attempt, batch: Batch): void {
    this.#guard(attempt, () => {
      const packets = decodeBatch(batch)
      if (attempt.welcome === undefined) this.#answered(attempt, packets)
      else this.#heard(attempt, packets)
    })
  }

  acknowledged(attempt: Attempt, batch: Batch): void {
    this.#guard(attempt, () => this.identity.session.acknowledged(attempt.link, decodeBatch(batch)))
  }

  /** What the protocol does not allow ends the link. */
  #guard(attempt: Attempt, hear: () => void): void {
    try {
      hear()
    } catch (error) {
      if (!(error instanceof EverwireError)) throw error
      this.#end(attempt, closing(error.code, error.message))
    }
  }

  writable({ link }: Attempt): void {
    this.identity.session.writable(link)
  }

  moved(attempt: Attempt): void {
    attempt.movedAt = this.#host.runtime.now()
    this.identity.session.moved(attempt.link)
  }

  closed(attempt: Attempt, why: Closing): void {
    const state = this.#state
    this.identity.session.rode(attempt.sent)
    this.#attempts.end(attempt, "closed", why)
    this.lastClosing = why
    this.#retryAfterMs = Math.max(this.#retryAfterMs, wishOf(why))
    if (why.code === "captive-portal") this.#portalMs = defaults.PORTAL_MS
    if (attempt === this.current) return this.#lost(attempt, why)
    // What refuses credentials or versions refuses them on every rung.
    if (!why.retryable && attempt.welcome === undefined) return this.#fatal(why)
    if (state.phase !== "climbing") return
    state.failed.push(attempt.rank)
    // What is asked of the other HTTP rungs would be asked of the same server.
    if (why.code === "rate-limited" && wishOf(why) > 0 && attempt.link.exchanges) state.plan = []
    this.#advance()
  }

  // — climbing —

  /** Begins a climb, with the credentials of this moment. */
  #ask(): void {
    // What is told of a failure may have closed the channel.
    if (this.#isClosed) return
    const { authTimeoutMs } = this.#host
    const asking: State = { phase: "asking" }
    this.#enter(asking)
    const fail = (error: unknown): void => {
      this.#host.report(error)
      if (this.#state !== asking) return
      this.lastClosing = closing("unauthorized", `no credentials: ${wordsOf(error)}`)
      this.#rest()
    }
    this.#alarm(authTimeoutMs, () =>
      fail(new EverwireError("timeout", `auth() did not answer in ${authTimeoutMs} ms`, { retryable: true })),
    )
    callSafely(this.#host.auth, fail, (given) => {
      // As each hello will say it: getters and `toJSON` are the application's, and run here alone.
      const { auth } = JSON.parse(encodePayload({ auth: given }) as string) as { auth?: unknown } // no bytes: an object
      if (this.#state === asking) this.#climb(auth)
    })
  }

  #climb(auth: unknown): void {
    const { dialers, standing, runtime } = this.#host
    const platform = this.#host.platform()
    const healthy = this.#healthy
    const now = runtime.now()
    const dialing = this.#newcomers.map(({ rank }) => rank)
    const candidates = dialers.flatMap((dialer, rank) =>
      // A climb in the background is for what is better than what works.
      // What is being dialed already is not dialed twice.
      dialer.supported(platform) && (!healthy || rank < healthy.rank) && !dialing.includes(rank)
        ? { rank, brokenUntil: healthy ? 0 : standing.brokenUntil(dialer.name, now) }
        : [],
    )
    if (candidates.length === 0 && this.#attempts.size === 0) {
      return this.#fatal(closing("unsupported", "no transport is supported here", false))
    }
    this.#retryAfterMs = 0
    this.#portalMs = undefined
    this.#enter({
      phase: "climbing",
      auth,
      plan: planClimb(candidates),
      started: 0,
      failed: [],
      hedges: 0,
    })
    this.#advance()
  }

  /**
   * Does whatever is due in this climb, and sets the alarm for what comes later. An alarm that rings much later than it was to
   * (`rungAt`) starts all rungs, because each of their own alarms may be as late, and gives none up before the next alarm.
   */
  #advance(rungAt = Infinity): void {
    const state = this.#state
    if (state.phase !== "climbing") return
    const now = this.#host.runtime.now()
    const isLate = now - rungAt > defaults.LATE_MS
    const healthy = this.#healthy
    let nextAt = Infinity
    // When this is late, a welcome may have come meanwhile, and be heard behind this.
    for (const attempt of isLate ? [] : this.#newcomers) {
      const deadlineMs = this.#portalMs ?? defaults.DIAL_DEADLINE_MS
      const dueAt = attempt.trialUntil || attempt.movedAt + deadlineMs
      if (now < dueAt) nextAt = Math.min(nextAt, dueAt)
      else if (attempt.heardAt) return this.#adopt(attempt)
      else {
        return this.#end(
          attempt,
          attempt.welcome
            ? closing("silent", "nothing came after the welcome")
            : closing("timeout", "no welcome in time"),
        )
      }
    }
    const [rank] = state.plan
    if (rank !== undefined) {
      // What was welcomed and is not proved yet has as long for that as its welcome took.
      const provesAt = healthy?.proved === false ? 2 * healthy.welcomedAt - healthy.startedAt : 0
      const plannedAt = Math.max(provesAt, nextStartAt(state.started, state.last, this.identity.session.rttMs))
      let startAt = isLate ? now : plannedAt
      if (now >= startAt && this.#holds(rank)) startAt = this.#connections.freeAt(now)
      if (startAt === Infinity) {
        // What holds nothing goes first. While something works, nothing else goes.
        if (healthy) state.plan = state.plan.filter((other) => !this.#holds(other))
        else state.plan.sort((one, other) => Number(this.#holds(one)) - Number(this.#holds(other)))
        if (state.plan[0] !== rank) return this.#advance(rungAt)
        startAt = state.last?.over === false ? state.last.startedAt + LAST_RESORT_MS : 0
      }
      if (now >= startAt) {
        state.plan.shift()
        state.started++
        if (state.last?.over === false) this.#connections.call()
        state.last = this.#dial(rank, state.auth)
        return this.#advance(rungAt)
      }
      nextAt = Math.min(nextAt, startAt)
    } else if (this.#newcomers.length === 0) {
      if (!healthy || healthy.proved) return this.#rest()
    } else if (healthy?.proved) {
      state.reprobeAt ??= now + this.#nextReprobeMs()
      if (now >= state.reprobeAt) return this.#ask()
      nextAt = Math.min(nextAt, state.reprobeAt)
    } else if (state.last !== undefined) {
      // A fetch may have been given a pooled connection that died in silence; another one gets another connection. Where
      // the talk's own link fell silent, there may be several, and the round trip tells how long an answer takes.
      const isSilent = this.current?.doubted === true
      const patienceMs = Math.max(isSilent ? defaults.PROBE_MS : defaults.HEDGE_MS, 4 * this.identity.session.rttMs)
      const hedgeAt = state.last.movedAt + patienceMs
      if (state.hedges < (isSilent ? defaults.SILENT_HEDGES : 1)) {
        if (now >= hedgeAt) {
          state.hedges++
          state.last = this.#dial(Math.min(...this.#newcomers.map(({ rank }) => rank)), state.auth)
          return this.#advance(rungAt)
        }
        nextAt = Math.min(nextAt, hedgeAt)
      }
    }
    if (isLate) this.#alarm(defaults.LATE_MS, () => this.#advance())
    else this.#alarm(nextAt - now, () => this.#advance(nextAt))
  }

  #holds(rank: number): boolean {
    return this.#host.dialers[rank]?.holds === true
  }

  /** A connection may be held now, which had to be waited for. */
  #slotTaken(): void {
    const { phase } = this.#state
    if (phase === "climbing") this.#advance()
    else if (phase === "settled") this.#ask()
  }

  /** Nothing is answered beside a link that holds a connection: that may be the one that everything waits for. */
  #yieldAfter(attempt: Attempt, leastMs: number): void {
    this.#connections.yieldAfter(attempt, leastMs, this.identity.session.rttMs, () => {
      for (const other of this.#attempts) if (other !== attempt && other.dialer.holds) this.#letGo(other, true)
      this.#end(attempt, closing("silent", "nothing was answered while it held a connection"), true)
    })
  }

  /**
   * While a link of ours works, a newcomer only probes: a wire that is mute one way must not steal the session. So does one
   * that is dialed beside another: the hub must not say everything to each of them.
   */
  #dial(rank: number, auth: unknown): Attempt {
    const isFirst = this.#newcomers.length === 0
    return this.#attempts.dial(rank, this.identity, auth, isFirst && this.#healthy === undefined)
  }

  /** The first batch of a link: its welcome, or a bye. */
  #answered(attempt: Attempt, [first = "", ...rest]: readonly Packet[]): void {
    if (typeof first !== "string") throw protocolError("an unknown kind of packet")
    if (kindOf(first) === "b") return this.#refused(attempt, readBye(first))
    const welcome = readWelcome(first)
    const attempts = this.#attempts
    if (attempts.hub !== "" && attempts.hub !== welcome.hub) {
      // Two hubs behind one address were dialed at once, and the other one has the session.
      attempt.link.send(writeBye(closing("superseded", "another hub has the session")))
      this.#letGo(attempt)
      return this.#advance()
    }
    attempt.welcome = welcome
    attempt.welcomedAt = this.#host.runtime.now()
    this.#unknown = 0
    attempts.welcomed(attempt, welcome.hub)
    const healthy = this.#healthy
    const { proved, rank, turn } = attempt
    const flaps = this.#host.standing.flaps(attempt.dialer.name)
    if (!turn || !proved) {
      attempt.link.send("p0")
      this.#yieldAfter(attempt, UNANSWERED_MS)
    }
    const isBetter = healthy?.proved === proved ? rank < healthy.rank : proved
    if (!healthy || (turn && !flaps && isBetter)) return this.#adopt(attempt, rest)
    // Dialed while something works, it has to answer. One whose hello takes may bring the talk already: it is dialed again.
    if (turn) this.#letGo(attempt)
    else if (flaps) attempt.trialUntil = attempt.welcomedAt + defaults.FLAP_MS
    this.#advance()
  }

  #heard(attempt: Attempt, packets: readonly Packet[]): void {
    const first = !attempt.proved
    attempt.proved = true
    attempt.heardAt = this.#host.runtime.now()
    // An answer to what went up. What comes down by itself tells nothing of that.
    if (!attempt.doubted && packets.some((packet) => kindOf(packet) === "a")) attempt.cancelYield()
    if (first) this.#attempts.note(attempt, "proved")
    this.identity.session.hear(attempt.link, packets)
    if (attempt.over) return
    if (attempt !== this.current) {
      if (!attempt.trialUntil) this.#adopt(attempt)
    } else if (first) {
      this.#trust(attempt)
      this.#advance()
    }
  }

  /** The hub said bye: not on this link, not to this session, or not to anybody. */
  #refused(attempt: Attempt, { why, hub }: ReturnType<typeof readBye>): void {
    attempt.link.close(why)
    const state = this.#state
    if (why.code !== "session-unknown") return why.retryable ? this.closed(attempt, why) : this.#fatal(why)
    this.#attempts.end(attempt, "closed", why)
    const isOther = hub !== this.#attempts.hub && state.phase === "climbing"
    if (isOther && this.#unknown++ < defaults.UNKNOWN_RETRIES) {
      // Another hub behind the same address: the next dial may reach the one that knows.
      state.last = this.#dial(attempt.rank, state.auth)
      return this.#advance()
    }
    this.#unknown = 0
    // The one that knows is on the line: what a better rung did not find is no reason to leave it.
    if (isOther && this.#healthy) return this.#advance()
    this.#dropAll(why)
    this.#attempts.reset()
    this.#host.unlinked(why, 0)
    if (this.#isClosed) return // by what was told of it
    this.identity = this.#host.reset(why)
    this.#ask()
  }

  /** From now on this link carries the talk. */
  #adopt(attempt: Attempt, rest: readonly Packet[] = []): void {
    const { link, welcome, turn, dialer } = attempt
    if (welcome === undefined) return
    const { session } = this.identity
    const before = this.current
    this.current = attempt
    attempt.trialUntil = 0
    this.#failures = 0
    if (before?.rank !== attempt.rank) this.#reprobes = 0
    this.#attempts.note(attempt, "took-over")
    this.#connections.judge(attempt)
    const { speakMs, patienceMs, maxPayloadBytes } = welcome
    session.configure({ speakMs, patienceMs, maxPacketBytes: maxPayloadBytes + defaults.MAX_HEADER_BYTES })
    session.welcomed(welcome, attempt.startedAt, attempt.welcomedAt)
    this.#host.welcomed(welcome)
    if (welcome.attached && turn === this.#attempts.turn) session.attach(link, welcome, attempt.sent)
    else this.#take(attempt, welcome)
    this.#host.standing.acquit(dialer.name)
    if (before !== undefined) {
      if (before.doubted) this.#judge(before)
      this.#letGo(before, before.doubted)
    }
    if (attempt.proved) this.#trust(attempt)
    this.#host.linked(welcome, dialer.name)
    session.hear(link, rest)
    this.#advance()
  }

  /** Tells the hub that this link is the one, whatever it thought before; says again what it may not have heard. */
  #take(attempt: Attempt, to: Heard = { heard: this.identity.session.acked }): void {
    const { session } = this.identity
    const { heard, part } = session
    attempt.turn = ++this.#attempts.turn
    session.attach(attempt.link, to, to.heard, writeTake({ turn: attempt.turn, heard, part }))
  }

  /** This link has proved itself: nothing worse is needed, and what is better and failed is broken here. */
  #trust({ rank }: Attempt): void {
    const state = this.#state
    for (const attempt of this.#newcomers) if (attempt.rank >= rank) this.#letGo(attempt, true)
    if (state.phase !== "climbing") return
    state.plan = []
    this.#condemn(state.failed)
  }

  /** Rungs that failed while a worse one works: the transport is broken here, not the server away. */
  #condemn(failed: readonly number[]): void {
    const { dialers, standing, runtime } = this.#host
    for (const rank of failed) {
      const dialer = dialers[rank]
      if (dialer !== undefined && rank < (this.current?.rank ?? 0)) standing.condemn(dialer.name, runtime.now())
    }
  }

  /** One link carries everything. If there are better rungs, they are tried again later. */
  #settle(current: Attempt): void {
    // The hello of a newcomer that came to nothing may have taken the session: take it back.
    if (current.turn !== this.#attempts.turn) this.#take(current)
    if (this.#state.phase === "climbing") this.#condemn(this.#state.failed)
    this.#enter({ phase: "settled" })
    this.#connections.settled(current)
    if (current.rank > 0) this.#alarm(this.#nextReprobeMs(), () => this.#ask())
  }

  /** How long until better rungs are tried again; without an end when they never are to be. */
  #nextReprobeMs(): number {
    const { reprobeMs } = this.#host
    const waitMs = reprobeMs[Math.min(this.#reprobes++, reprobeMs.length - 1)] ?? Infinity
    return Math.max(waitMs, this.#retryAfterMs)
  }

  /** The climb is over, or could not begin. If no link works, the server is away: keep the preferences, wait, try again. */
  #rest(): void {
    const healthy = this.#healthy
    if (healthy) return this.#settle(healthy)
    this.#dropAll(this.lastClosing)
    // Added, not the longer of the two: those that were told the same time must not come back as a herd.
    this.#wait(this.#retryAfterMs + backoffMs(this.#failures++, this.#host.runtime.random(), this.#portalMs))
  }

  #wait(waitMs: number): void {
    if (this.#isClosed) return
    this.#enter({ phase: "waiting" })
    this.#alarm(waitMs, () => this.#ask())
    this.#host.unlinked(this.lastClosing, waitMs)
  }

  /** The link that carried the talk is gone. */
  #lost(attempt: Attempt, why: Closing): void {
    const { session } = this.identity
    const { runtime, standing } = this.#host
    if (why.code === "network") {
      standing.diedIdle(runtime.now() - session.idleSince, defaults.SPEAK_FLOOR_MS)
    }
    if (why.code !== "superseded" && why.code !== "hub-closing") this.#judge(attempt)
    session.linkLost(attempt.link)
    this.current = undefined
    for (const other of this.#attempts) if (other.heardAt) return this.#adopt(other)
    const strikes = standing.strikes(attempt.dialer.name) - defaults.STRIKES
    // The first redial is at once; a wire that keeps dying young, or a hub that asks for it, is given time.
    const waitMs = wishOf(why) + (strikes > 0 ? backoffMs(strikes, runtime.random()) : 0)
    if (waitMs > 0 && this.#attempts.size === 0) return this.#wait(waitMs)
    this.#host.unlinked(why, 0)
    this.#ask()
  }

  /** Ends its link from this side. */
  #end(attempt: Attempt, why: Closing, mute = false): void {
    attempt.stop(why, mute)
    this.closed(attempt, why)
  }

  #letGo(attempt: Attempt, mute = false): void {
    this.#attempts.letGo(attempt, this.identity.session, mute)
  }

  /** How the death of a link that was in use counts against its rung. */
  #judge({ dialer, doubted, welcomedAt, heardAt = welcomedAt }: Attempt): void {
    const now = this.#host.runtime.now()
    this.#host.standing.died(dialer.name, (doubted ? heardAt : now) - welcomedAt, now)
  }

  #dropAll(why: Closing): void {
    this.#attempts.dropAll(why, this.identity.session)
    this.current = undefined
  }

  #fatal(why: Closing): void {
    this.lastClosing = why
    this.#dropAll(why)
    this.#enter({ phase: "closed" })
    this.#host.ended(why)
  }

  #enter(state: State): void {
    this.#cancelAlarm()
    if (state.phase === "waiting" || state.phase === "closed") this.#connections.leave()
    this.#state = state
    this.#enteredAt = this.#host.runtime.now()
  }

  #alarm(delayMs: number, run: () => void): void {
    this.#cancelAlarm()
    if (delayMs < Infinity) this.#cancelAlarm = this.#host.runtime.after(delayMs, run)
  }
}

/** How long the server asks to be left alone, in milliseconds, as far as it is believed. */
function wishOf({ retryAfterMs = 0 }: Closing): number {
  return Math.min(retryAfterMs, defaults.RETRY_AFTER_CEILING_MS)
}
