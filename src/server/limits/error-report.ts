import type { Alarm, Clockwork, Slot } from "../../session/clockwork.ts"
import { EverwireError } from "../../wire/errors.ts"

/** Length of a period, in milliseconds. Left-out errors are counted for each period. */
const PERIOD_MS = 1_000
/** Most errors of one kind that are reported in a period. */
const MOST_OF_KIND = 10
/** Most kinds that are counted apart in a period; further ones count as "others". */
const MOST_KINDS = 50
/** Most characters of messages that are reported in a period. Its first error may be longer. */
const MOST_CHARACTERS = 65_536
/** Longest name of a kind, in characters. An application can make up names of any length. */
const KIND_LENGTH = 60

/**
 * Reports errors that no listener takes. A peer can make a handler throw as often as it can send, which must not fill
 * the log: of each kind (the code or name of an error) the first ones of each second are reported, and the others
 * counted.
 */
export class ErrorReport implements Alarm {
  /** When the period ends. Set only if an error was left out. */
  slot: Slot | undefined
  readonly #clockwork: Clockwork
  readonly #report: (error: unknown) => void
  readonly #warn: (message: string) => void
  #endsAt = 0
  #characters = 0
  /** For each kind: how many errors there were in this period, and how many of them were not reported. */
  readonly #kinds = new Map<string, { count: number; leftOut: number }>()

  constructor(clockwork: Clockwork, report: (error: unknown) => void, warn: (message: string) => void) {
    this.#clockwork = clockwork
    this.#report = report
    this.#warn = warn
  }

  report(error: unknown): void {
    const now = this.#clockwork.now()
    // A clock that was put back ends the period, too.
    if (now >= this.#endsAt || now < this.#endsAt - PERIOD_MS) this.#begin(now)
    const kind = this.#kindOf(error)
    const characters = lengthOf(error)
    const isFirst = this.#characters === 0
    if (++kind.count <= MOST_OF_KIND && (isFirst || this.#characters + characters <= MOST_CHARACTERS)) {
      this.#characters += characters + 1
      return this.#report(error)
    }
    kind.leftOut++
    if (this.slot === undefined) this.#clockwork.set(this, this.#endsAt)
  }

  ring(): void {
    this.#begin(this.#clockwork.now())
  }

  /** Warns of the errors that were left out so far. */
  close(): void {
    this.#begin(0)
  }

  #begin(now: number): void {
    this.#clockwork.clear(this)
    for (const [kind, { leftOut }] of this.#kinds) {
      if (leftOut > 0)
        this.#warn(`everwire: ${leftOut} more errors (${kind}) were not reported; hub.onError hears all of them.`)
    }
    this.#kinds.clear()
    this.#characters = 0
    this.#endsAt = now + PERIOD_MS
  }

  #kindOf(error: unknown): { count: number; leftOut: number } {
    const own = nameOf(error)
    const name = this.#kinds.size < MOST_KINDS || this.#kinds.has(own) ? own : "others"
    const kind = this.#kinds.get(name) ?? { count: 0, leftOut: 0 }
    this.#kinds.set(name, kind)
    return kind
  }
}

/** An application may throw anything, even objects with getters that throw. */
function nameOf(error: unknown): string {
  try {
    const name: unknown = error instanceof EverwireError ? error.code : (error as Error | undefined)?.name
    return typeof name === "string" ? name.replace(/[^ -~]/g, "?").slice(0, KIND_LENGTH) : typeof error
  } catch {
    return "unreadable"
  }
}

function lengthOf(error: unknown): number {
  try {
    const message: unknown = typeof error === "string" ? error : (error as Error | undefined)?.message
    return typeof message === "string" ? message.length : 0
  } catch {
    return 0
  }
}
