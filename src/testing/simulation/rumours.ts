import type { SendOptions } from "../../messaging/send-options.ts"
import { Broken } from "./failure.ts"
import type { Plan } from "./plan.ts"
import type { Word } from "./witness.ts"
import { pad } from "./words.ts"

/** A message that may be dropped. `words`: how many words its speaker had said before it. */
export type Rumour = readonly [speaker: string, m: number, words: number, pad: string]

/** The classes that are drawn, each combination that `send` takes. */
const CLASSES: readonly SendOptions[] = [
  { volatile: true },
  { latest: "a" },
  { latest: "b" },
  { latest: "c", ttlMs: 1_000 },
  { latest: "d", volatile: true },
  { ttlMs: 0 },
  { ttlMs: 300 },
  { ttlMs: 20_000 },
]

/** What one end has said to the other within a session. */
interface Told {
  /** Whether one of them had a `ttlMs`. */
  aging: boolean
  /** By key: the newest rumour that is dropped for nothing but a newer one, until it is heard or reported. */
  readonly newest: Map<string, number>
}

/**
 * Checks rumours, which are messages of all delivery classes among the words of a talk: that each keeps its place among
 * the words, that none is heard twice or after a newer one, and that the newest of a key arrives.
 */
export class Rumours {
  #said = 0
  /** By session: the last rumour, and the number of the next word. */
  readonly #heard = new Map<string, number>()
  readonly #words = new Map<string, number>()
  readonly #everHeard = new Set<string>()
  readonly #told = new Map<string, Told>()

  /** Draws a rumour and sends it. `speaker`: the channel's name, or the id of the peer that it is for. */
  say(
    speaker: string,
    words: number,
    random: () => number,
    { largeShare, wordBytes }: Plan,
    send: (rumour: Rumour, options: SendOptions) => void,
  ): number {
    const options = CLASSES[Math.floor(random() * CLASSES.length)] ?? {}
    const size = Math.floor(random() * (random() < largeShare ? wordBytes : 40))
    const m = this.#said++
    const told = this.#told.get(speaker) ?? { aging: false, newest: new Map() }
    this.#told.set(speaker, told)
    told.aging ||= options.ttlMs !== undefined
    if (options.latest !== undefined && options.ttlMs === undefined && !options.volatile)
      told.newest.set(options.latest, m)
    send([speaker, m, words, pad(size)], options)
    return size
  }

  heardWord(session: string, { n }: Word): void {
    this.#words.set(session, n + 1)
  }

  /** `session`: as the words of it are told to `heardWord`. */
  heard(way: Word["way"], session: string, [speaker, m, words]: Rumour, { onReset }: Plan): void {
    const before = this.#heard.get(session) ?? -1
    if (m <= before) throw new Broken("order", `${session} heard the rumour ${m} after ${before}`)
    this.#heard.set(session, m)
    const next = this.#words.get(session)
    if (next !== undefined && next !== words) {
      throw new Broken("order", `${session} heard the rumour ${m} before word ${next}, and it was said before ${words}`)
    }
    const isAgain = this.#everHeard.has(`${speaker} ${m}`)
    if (isAgain && (way === "down" || onReset === "report")) {
      throw new Broken("no double", `${session} heard the rumour ${m} once more`)
    }
    this.#everHeard.add(`${speaker} ${m}`)
    const { newest } = this.#told.get(speaker) ?? {}
    for (const [key, one] of newest ?? []) if (one === m) newest?.delete(key)
  }

  /** The speaker was told that these rumours are uncertain. With `resend` they are sent again. */
  reported(speaker: string, rumours: readonly Rumour[], { onReset }: Plan): void {
    const { newest } = this.#told.get(speaker) ?? {}
    if (onReset === "resend") return
    for (const [, m] of rumours) for (const [key, one] of newest ?? []) if (one === m) newest?.delete(key)
  }

  /** What this speaker has said last may never be heard. */
  mayMiss(speaker: string): void {
    this.#told.get(speaker)?.newest.clear()
  }

  /** Whether this speaker has sent a rumour with `ttlMs`. */
  isAging(speaker: string): boolean {
    return this.#told.get(speaker)?.aging === true
  }

  /** What has still to arrive from this speaker, in words. */
  missing(speaker: string): string | undefined {
    const newest = [...(this.#told.get(speaker)?.newest ?? [])]
    return newest.length === 0 ? undefined : `the newest rumours of ${speaker} were not heard: ${newest.join(" ")}`
  }
}
