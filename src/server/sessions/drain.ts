import type { Runtime } from "../../session/runtime.ts"
import { type Closing, EverwireError } from "../../wire/errors.ts"
import type { ClusterMoves } from "../moved-session.ts"
import type { HubSession } from "./hub-session.ts"
import { giveUpRequests, MovingSession } from "./moving-session.ts"

/** Longest `retryAfterMs` that a hub gives to a channel while it shuts down, in milliseconds. */
const RETRY_AFTER_MS = 1_000
/**
 * Longest time between the last calls of two peers, and least time between the dials of their channels, in
 * milliseconds, so that they do not all dial at once.
 */
const APART_MS = 1
/** The last peer gets its last call within this part of the drain time. The rest is for its open requests. */
const TELL_PART = 1 / 2
/** Interval at which the remaining sessions are checked again, in milliseconds. */
const LOOK_MS = 100

/** How long a channel is to wait before it dials again, by chance, in milliseconds. */
export function retryAfterMs(runtime: Runtime): number {
  return Math.ceil(runtime.random() * RETRY_AFTER_MS)
}

/** @throws EverwireError `misuse` */
export function checkDrainMs(drainMs: unknown): void {
  if (typeof drainMs === "number" && drainMs >= 0 && drainMs < Infinity) return
  throw new EverwireError("misuse", `drainMs is a number of milliseconds from 0 on, not ${String(drainMs)}`)
}

/** Time for sessions to move to other processes after the end of the drain time, in milliseconds. */
const MOVE_MS = 5_000

/**
 * How a session that has not ended stands. `open`: it ends, or moves, when nothing is open in it any more. `moving`: another
 * process is to have it. `staying`: no other process takes it, so it only ends.
 */
type Standing = "open" | "moving" | "staying"

/**
 * Shuts down a hub's sessions. Each one gets a last call, after which nothing new is begun with it. It ends as soon as
 * nothing is open any more, and at the latest at the end of the drain time. In a cluster it moves to another process
 * instead, as soon as no request is open; at the end of the drain time those that are open fail first.
 */
export class Drain {
  /** Resolves when all sessions have ended and the last answers were handed to the network. */
  readonly done: Promise<void>
  /** Whether all sessions ended at once, because the drain time was 0. */
  isOver = false
  readonly #runtime: Runtime
  /** The closing that every peer gets. */
  readonly #why: Closing
  /** Sessions that have not ended. */
  readonly #left: Map<HubSession, Standing>
  /** Sessions in the order of their last calls; the first `#told` of them have had it. */
  readonly #untold: HubSession[]
  /** Time between two last calls, in milliseconds. */
  readonly #apartMs: number
  /** When the first last call was made. */
  readonly #startedAt: number
  #told = 0
  /** When the channel of the session that ended last is to dial again. */
  #dialAt = 0
  /** Sessions with progress in this tick. */
  #news: Set<HubSession> | undefined
  #deadline = Infinity
  /** Whether the drain time was above 0. */
  readonly #isWaitedFor: boolean
  #cancelDeadline = (): void => {}
  #cancelNext = (): void => {}
  #cancelLook = (): void => {}
  #resolve = (): void => {}
  /** `waiting`: for the drain time to end. `expired`: it is over, and sessions still move. `ended`: no session is left. */
  #phase: "waiting" | "expired" | "ended" = "waiting"
  readonly #moves: ClusterMoves | undefined

  /** @param moves Undefined if the hub is alone. */
  constructor(
    runtime: Runtime,
    sessions: Iterable<HubSession>,
    drainMs: number,
    why: Closing,
    moves: ClusterMoves | undefined,
  ) {
    this.#runtime = runtime
    this.#why = why
    this.#moves = moves
    this.#isWaitedFor = drainMs > 0
    this.#untold = [...sessions]
    this.#left = new Map(this.#untold.map((hubSession) => [hubSession, "open"]))
    this.#apartMs = Math.min(APART_MS, (TELL_PART * drainMs) / this.#untold.length)
    this.#startedAt = runtime.now()
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.hasten(drainMs)
    this.#tell()
    if (this.#phase !== "ended") this.#lookLater()
  }

  /** Sets the end of the drain time, unless it is earlier already. */
  hasten(drainMs: number): void {
    const deadline = this.#runtime.now() + drainMs
    if (deadline >= this.#deadline) return
    this.#deadline = deadline
    this.#cancelDeadline()
    if (drainMs > 0) this.#cancelDeadline = this.#runtime.after(drainMs, () => this.#expire())
    else this.#end()
  }

  /** The session ended or made progress. It is checked when the batch that caused this has been handled. */
  progressed(hubSession: HubSession): void {
    if (this.#news === undefined) {
      this.#news = new Set()
      this.#runtime.soon(() => {
        const news = this.#news ?? []
        this.#news = undefined
        for (const one of news) this.look(one)
      })
    }
    this.#news.add(hubSession)
  }

  /** Ends the session if nothing is open. */
  look(hubSession: HubSession): void {
    const standing = this.#left.get(hubSession)
    if (!hubSession.session.ended) {
      if (standing === undefined) return hubSession.links.isFrozen ? undefined : this.#came(hubSession)
      if (standing === "moving" || (standing === "open" && this.#moved(hubSession))) return
    }
    if (standing !== undefined && hubSession.isFree) this.#leave(hubSession)
  }

  #leave(hubSession: HubSession): void {
    this.#left.delete(hubSession)
    this.#release(hubSession)
    this.#endIfEmpty()
  }

  /** Another process has handed this session over, just when this hub began to drain. */
  #came(hubSession: HubSession): void {
    if (this.#phase === "ended") return this.#release(hubSession)
    this.#left.set(hubSession, "open")
    hubSession.lastCall()
    this.look(hubSession)
  }

  /** Hands the session over, if no request is open in it and there is a process to take it. */
  #moved(hubSession: HubSession): boolean {
    const [asked, answering] = hubSession.openRequests
    if (this.#moves?.hasTaker !== true || !this.#isWaitedFor || hubSession.call === undefined || asked + answering > 0)
      return false
    this.#move(hubSession, this.#moves)
    return true
  }

  #move(hubSession: HubSession, moves: ClusterMoves): void {
    this.#left.set(hubSession, "moving")
    moves.move(new MovingSession(hubSession, () => this.#stays(hubSession)))
  }

  /** No other process takes it. What stands still ends, and the others go on until they are free. */
  #stays(hubSession: HubSession): void {
    if (this.#left.get(hubSession) !== "moving") return
    if (hubSession.links.isFrozen || this.#phase === "expired") return this.#leave(hubSession)
    this.#left.set(hubSession, "staying")
    this.look(hubSession)
  }

  /** The drain time is over. */
  #expire(): void {
    const moves = this.#moves
    if (moves?.hasTaker !== true || this.#phase === "expired") return this.#end()
    this.#phase = "expired"
    this.#deadline = this.#runtime.now() + MOVE_MS
    this.#cancelDeadline = this.#runtime.after(MOVE_MS, () => this.#end())
    for (const [hubSession, standing] of [...this.#left]) {
      if (standing === "staying") this.#leave(hubSession)
      if (standing !== "open") continue
      const [asked, answering] = hubSession.openRequests
      if (asked + answering > 0) giveUpRequests(hubSession, this.#why)
      if (!hubSession.session.ended) this.#move(hubSession, moves)
    }
  }

  /** A channel dials again at once, or in its turn if other sessions end at this moment. Very many dial by chance. */
  #release(hubSession: HubSession): void {
    const now = this.#runtime.now()
    this.#dialAt = Math.max(now, this.#dialAt + APART_MS)
    const waitMs = Math.ceil(this.#dialAt - now)
    hubSession.leave({
      ...this.#why,
      retryAfterMs: waitMs <= RETRY_AFTER_MS ? waitMs : retryAfterMs(this.#runtime),
    })
  }

  /** Makes the last calls that are due. */
  #tell(): void {
    const now = this.#runtime.now()
    for (const hubSession of this.#untold.slice(this.#told)) {
      if (this.#phase === "ended") return
      const at = this.#startedAt + this.#told * this.#apartMs
      if (at > now) {
        this.#cancelNext = this.#runtime.after(Math.ceil(at - now), () => this.#tell())
        return
      }
      this.#told++
      hubSession.lastCall()
      this.look(hubSession)
    }
    this.#endIfEmpty()
  }

  /** Checks the remaining sessions at intervals, because a new stream of a channel is not reported here. */
  #lookLater(): void {
    this.#cancelLook = this.#runtime.after(LOOK_MS, () => {
      for (const hubSession of this.#left.keys()) this.look(hubSession)
      this.#endIfEmpty()
      if (this.#phase !== "ended") this.#lookLater()
    })
  }

  /** A session that another process is handing over to this one has to move on first. */
  #endIfEmpty(): void {
    if (this.#left.size === 0 && this.#moves?.isExpecting !== true) this.#end()
  }

  #end(): void {
    if (this.#phase === "ended") return
    this.#phase = "ended"
    this.#cancelDeadline()
    this.#cancelNext()
    this.#cancelLook()
    for (const hubSession of this.#left.keys()) {
      this.#left.delete(hubSession)
      this.#release(hubSession)
    }
    // Over HTTP the last packets go at the end of the tick, and the caller may close its sockets after `done`.
    if (this.#isWaitedFor) this.#runtime.after(0, this.#resolve)
    else this.isOver = true
  }
}
