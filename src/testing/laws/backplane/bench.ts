import type { Backplane } from "../../../cluster/backplane.ts"
import { wordsOf } from "../../../wire/errors.ts"
import { LawBroken } from "../law-broken.ts"

/** How the laws get at a backplane. */
export interface BackplaneSubject {
  /** The name of the backplane, for people. */
  readonly name: string
  /** Whether its rig can cut the connection of one end. Without it the laws of lost connections are left out. */
  readonly cuts: boolean
  /** Sets up a bus and a store which share nothing with those of an earlier rig, or at least no topics and no keys. */
  setup(): Promise<BackplaneRig>
}

/** A bus and a store, set up for one law. */
export interface BackplaneRig {
  /** Opens one more end, as each process has one. At most five are opened. */
  open(): Promise<Backplane>
  /** Cuts the connection of an end, so that it notices. Other ends keep theirs. */
  cut?(end: Backplane): Promise<void>
  /** Lets the end connect again. */
  mend?(end: Backplane): Promise<void>
  /** Ends the process of an end. Only where the backplane has `will`. */
  kill?(end: Backplane): Promise<void>
  /**
   * Lets time pass until `holds` returns true, for at most `limitMs` milliseconds, in the time of the backplane: virtual or
   * real. Returns whether it did.
   */
  passUntil(holds: () => boolean, limitMs: number): Promise<boolean>
  /** Closes all ends and takes down the rest. */
  close(): Promise<void>
}

/** The longest that the laws wait for what has to come, in milliseconds. */
const PATIENCE_MS = 10_000

/** What a law has of the backplane that it is checked on. */
export class BackplaneBench {
  readonly rig: BackplaneRig
  readonly #law: string

  private constructor(law: string, rig: BackplaneRig) {
    this.#law = law
    this.rig = rig
  }

  static async try(
    law: string,
    subject: BackplaneSubject,
    prove: (bench: BackplaneBench) => Promise<void>,
  ): Promise<void> {
    const rig = await subject.setup()
    try {
      await prove(new BackplaneBench(law, rig))
    } finally {
      await rig.close()
    }
  }

  async ends(count: number): Promise<readonly [Backplane, Backplane, ...Backplane[]]> {
    const ends: Backplane[] = []
    for (let n = 0; n < Math.max(2, count); n++) ends.push(await this.done("an end opened", this.rig.open()))
    return ends as [Backplane, Backplane, ...Backplane[]] // two at least
  }

  /** What a promise resolves to, while time passes. */
  async done<Value>(what: string, promise: Promise<Value>): Promise<Value> {
    // In an object, because the compiler does not see that a local variable is assigned in a callback.
    const seen: { outcome?: { readonly value: Value } | { readonly error: unknown } } = {}
    promise.then(
      (value) => {
        seen.outcome = { value }
      },
      (error: unknown) => {
        seen.outcome = { error }
      },
    )
    await this.rig.passUntil(() => seen.outcome !== undefined, PATIENCE_MS)
    const { outcome } = seen
    if (outcome === undefined) return this.breaks(what, `nothing in ${PATIENCE_MS} ms`)
    if ("error" in outcome) return this.breaks(what, wordsOf(outcome.error))
    return outcome.value
  }

  /** The code with which a promise rejects, while time passes. */
  code(what: string, promise: Promise<unknown>): Promise<unknown> {
    return this.done(what, codeOf(promise))
  }

  async pass(ms: number): Promise<void> {
    await this.rig.passUntil(() => false, ms)
  }

  /** Waits for what has to come. */
  async until(what: string, holds: () => boolean, seen: () => unknown): Promise<void> {
    if (!(await this.rig.passUntil(holds, PATIENCE_MS))) this.breaks(what, shown(seen()))
  }

  /** Subscribes and collects the first byte of each message. */
  async hears(end: Backplane, topic: string, heard: number[] = []): Promise<number[]> {
    await this.done(
      "a subscription in force",
      end.subscribe(topic, (data) => void heard.push(data[0] ?? -1)),
    )
    return heard
  }

  equal(what: string, expected: unknown, seen: unknown): void {
    if (wordsFor(expected) !== wordsFor(seen)) this.breaks(`${what}: ${shown(expected)}`, shown(seen))
  }

  breaks(expected: string, seen: string): never {
    throw new LawBroken(this.#law, expected, seen)
  }
}

/** The code with which a promise rejects. */
export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => `no rejection, but ${shown(value)}`,
    (error: unknown) => (Object(error) as { code?: unknown }).code ?? wordsOf(error),
  )
}

/** A law without the backplane that it is checked on. */
export interface BackplaneLaw {
  readonly id: string
  readonly title: string
  /** Whether the rig has to cut connections. */
  readonly cuts?: boolean
  readonly prove: (bench: BackplaneBench) => Promise<void>
}

/** A value in words, for a message. */
export function shown(value: unknown): string {
  return wordsFor(value).slice(0, 2000)
}

/** A value in words. Bytes are shown as a list, and long ones by their length and a sum. */
function wordsFor(value: unknown): string {
  return JSON.stringify(inWords(value)) ?? typeof value // undefined of a function, for instance
}

function inWords(value: unknown): unknown {
  if (value === undefined) return "(none)"
  if (Array.isArray(value)) return value.map(inWords)
  if (!(value instanceof Uint8Array)) return value
  if (value.length <= 300) return `bytes ${Array.from(value).join(" ")}`
  return `${value.length} bytes, sum ${value.reduce((sum, byte, at) => (sum * 31 + byte + at) % 1_000_003, 7)}`
}

/** Bytes of every value, in an order that repeats late. */
export function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 255)
}
