import type { Runtime } from "../../session/runtime.ts"
import { type Closing, EverwireError } from "../../wire/errors.ts"
import type { HubSession } from "./hub-session.ts"

/** A channel that must go is asked to wait so long at most before it dials again. */
export const RETRY_AFTER_MS = 1_000
/** One peer after the other is told to move, so long apart at most: their channels do not dial in one moment. */
const APART_MS = 1
/** The last peer is told when so much of the time is over at most: the rest is for what it has open. */
const TELL_PART = 1 / 2
/** Those that are left are looked at again after so long. */
const LOOK_MS = 100

/** @throws EverwireError `misuse` */
export function checkDrainMs(drainMs: unknown): void {
  if (typeof drainMs === "number" && drainMs >= 0 && drainMs < Infinity) return
  throw new EverwireError("misuse", `drainMs is a number of milliseconds from 0 on, not ${String(drainMs)}`)
}

/**
 * The goodbye of a hub. Each peer has a moment from which nothing new is begun with it, and is let go as soon as nothing
 * is open any more that was begun before; at the end of the time all are.
 */
export class Drain {
  /** Resolves when all have been let go, and the last answers have been handed on. */
  readonly done: Promise<void>
  /** Whether all were let go at once. */
  isOver = false
  readonly #runtime: Runtime
  /** What all are told. */
  readonly #why: Closing
  /** Those that have not been let go. */
  readonly #left: Set<HubSession>
  /** Those whose moment has not come, in the order in which it comes. */
  readonly #untold: HubSession[]
  /** How long after one moment the next one comes, in milliseconds. */
  readonly #apartMs: number
  /** When the first moment came. */
  readonly #startedAt: number
  #told = 0
  /** Of which something was heard in this tick. */
  #news: Set<HubSession> | undefined
  #deadline = Infinity
  /** Whether there was any time. */
  readonly #isWaitedFor: boolean
  #cancelDeadline = (): void => {}
  #cancelNext = (): void => {}
  #cancelLook = (): void => {}
  #resolve = (): void => {}
  #isEnded = false

  constructor(runtime: Runtime, sessions: Iterable<HubSession>, drainMs: number, why: Closing) {
    this.#runtime = runtime
    this.#why = why
    this.#isWaitedFor = drainMs > 0
    this.#untold = [...sessions]
    this.#left = new Set(this.#untold)
    this.#apartMs = Math.min(APART_MS, (TELL_PART * drainMs) / this.#untold.length)
    this.#startedAt = runtime.now()
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.hasten(drainMs)
    this.#tell()
    if (!this.#isEnded) this.#lookLater()
  }

  /** The time is over then, unless it is over earlier anyway. */
  hasten(drainMs: number): void {
    const deadline = this.#runtime.now() + drainMs
    if (deadline >= this.#deadline) return
    this.#deadline = deadline
    this.#cancelDeadline()
    if (drainMs > 0) this.#cancelDeadline = this.#runtime.after(drainMs, () => this.#end())
    else this.#end()
  }

  /** Something of this session is over, or the session itself. Looked at when the batch that brought it has been heard. */
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

  /** Lets the peer go, if nothing holds it. */
  look(hubSession: HubSession): void {
    if (!this.#left.has(hubSession) || !hubSession.isFree) return
    this.#left.delete(hubSession)
    this.#release(hubSession)
    if (this.#left.size === 0) this.#end()
  }

  /** Not all at one time: those that have to be told at once, at the end of the time, do not dial at once. */
  #release(hubSession: HubSession): void {
    hubSession.end({ ...this.#why, retryAfterMs: Math.ceil(this.#runtime.random() * RETRY_AFTER_MS) })
  }

  /** Tells those whose moment has come. */
  #tell(): void {
    const now = this.#runtime.now()
    for (const hubSession of this.#untold.slice(this.#told)) {
      if (this.#isEnded) return
      const at = this.#startedAt + this.#told * this.#apartMs
      if (at > now) {
        this.#cancelNext = this.#runtime.after(Math.ceil(at - now), () => this.#tell())
        return
      }
      this.#told++
      hubSession.lastCall()
      this.look(hubSession)
    }
    if (this.#left.size === 0) this.#end()
  }

  /** A stream that its channel opens tells nobody: who has not been let go is looked at again. */
  #lookLater(): void {
    this.#cancelLook = this.#runtime.after(LOOK_MS, () => {
      for (const hubSession of this.#left) this.look(hubSession)
      if (!this.#isEnded) this.#lookLater()
    })
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#cancelDeadline()
    this.#cancelNext()
    this.#cancelLook()
    for (const hubSession of this.#left) {
      this.#left.delete(hubSession)
      this.#release(hubSession)
    }
    // Over HTTP what was said last goes at the end of the tick: whoever awaits this may close its sockets.
    if (this.#isWaitedFor) this.#runtime.after(0, this.#resolve)
    else this.isOver = true
  }
}
