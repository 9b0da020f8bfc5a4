import * as defaults from "../../wire/defaults.ts"
import type { Candidate } from "./ladder.ts"

// What a climb does next, from what it has seen and the time. Nothing here dials, waits or remembers: the connector does.

/** A connection is held although none is free when the rung dialed last was not welcomed for so long, in milliseconds. */
const LAST_RESORT_MS = 4_000

/** What is decided about an attempt goes by this much of it. See `Attempt`. */
export interface Rival {
  readonly rank: number
  readonly startedAt: number
  readonly movedAt: number
  readonly link: { readonly exchanges?: boolean | undefined }
  readonly turn?: number | undefined
  readonly welcomedAt: number
  readonly heardAt?: number
  readonly trialUntil?: number
  readonly proved: boolean
  readonly doubted?: boolean
  readonly over?: boolean
}

/** How far a climb has come. */
export interface Climb<Attempt extends Rival = Rival> {
  /** What has not been dialed, in the order it will be. */
  readonly plan: readonly Candidate[]
  /** How many rungs of the plan have been dialed. */
  readonly started: number
  /** The attempt that was dialed last. */
  readonly last?: Attempt | undefined
  /** Those that failed and have not been judged. */
  readonly failed: readonly Attempt[]
  /** How often the best rung has been dialed again beside those that did not answer. */
  readonly hedges: number
  /** When the next climb begins although a better rung still hangs in this one. */
  readonly reprobeAt?: number
}

/** What is to be done next. */
export type Move<Attempt extends Rival = Rival> =
  /** The next rung of the plan is dialed; the best rung of those that do not answer, once more, when there is no plan left. */
  | readonly [what: "dial", rank: number]
  /** Its link carries the talk from now on. */
  | readonly [what: "adopt", attempt: Attempt]
  /** Its link is ended: nothing came in time. */
  | readonly [what: "end", attempt: Attempt]
  /** These failed and are judged: they are broken here. */
  | readonly [what: "condemn", failed: readonly Attempt[]]
  /** No connection may be held: the order is another one. */
  | readonly [what: "plan", plan: Candidate[]]
  /**
   * `slot`: a connection is asked for. `rest`: the climb is over, and either a link works or none does. `hang`: a better rung
   * hangs beside a link that works, and the time of the next climb is set. `ask`: it has come.
   */
  | readonly [what: "slot" | "rest" | "hang" | "ask", nothing?: undefined]
  /** Nothing is due before then. */
  | readonly [what: "wait", until: number]

/**
 * Pure: the first thing that is due in a climb. It is asked again after each, until it answers `wait` or the climb is over.
 *
 * @param isLate whether the alarm of this climb rang so late that a welcome may have come meanwhile, which is heard behind this
 * @param current the attempt whose link carries the talk
 * @param newcomers the attempts beside it
 * @param known rank of the link before this climb, if it was well until it broke and nothing tells of another network since
 * @param failures climbs in a row that led nowhere
 * @param lastCode why the last link that ended did
 * @param portalMs shortens the time for a dial to be answered, where there is a captive portal; else without an end
 * @param freeAt when a connection may be held: `Infinity` when none is to be had, undefined when that was not asked yet
 */
export function nextMove<Attempt extends Rival>(
  now: number,
  isLate: boolean,
  { plan, started, last, failed, hedges, reprobeAt }: Climb<Attempt>,
  current: Attempt | undefined,
  newcomers: readonly Attempt[],
  known: number | undefined,
  failures: number,
  lastCode: string,
  rttMs: number,
  portalMs: number,
  freeAt: number | undefined,
): Move<Attempt> {
  const healthy = current?.doubted ? undefined : current
  // What is better than a link that has proved itself, and failed, is broken here: the server is not away.
  if (healthy?.proved && failed.length > 0) return ["condemn", failed.filter(({ rank }) => rank < healthy.rank)]
  let until = Infinity
  // When this is late, a welcome may have come meanwhile, and be heard behind this.
  for (const attempt of isLate ? [] : newcomers) {
    const dueAt = attempt.trialUntil ?? attempt.movedAt + Math.min(portalMs, defaults.DIAL_DEADLINE_MS)
    if (now >= dueAt) return [attempt.heardAt ? "adopt" : "end", attempt]
    until = Math.min(until, dueAt)
  }
  // Once a dial has been refused, a server that does not answer is busy with the return of all its channels.
  const patientMs = known === undefined ? undefined : defaults.PATIENT_MS * (failures ? 2 : 1)
  // Where the rung that was well a moment ago meets nobody, the server is away, on every rung. One climb of four asks them all.
  const isAway =
    last?.rank === known && last?.over && lastCode === "network" && failures % 4 < 3 && !current && !newcomers.length
  const [rung] = plan
  if (rung && !isAway) {
    // At once where the rung before it has failed, otherwise staggered: the second one by two round trips where those are longer.
    // Where the server was well a moment ago, it is rather away, or busy, than a rung broken.
    let startAt = 0
    if (last && !last.over) {
      const gapMs = (!healthy && patientMs) || (defaults.STAGGER_MS[started - 1] ?? defaults.STAGGER_MS.at(-1) ?? 0)
      startAt = last.startedAt + (started === 1 ? Math.max(gapMs, 2 * rttMs) : gapMs)
    }
    // What was welcomed and is not proved yet has as long for that as its welcome took.
    if (healthy?.proved === false) startAt = Math.max(startAt, 2 * healthy.welcomedAt - healthy.startedAt)
    if (isLate) startAt = now
    if (now >= startAt && rung.holds) {
      if (freeAt === undefined) return ["slot"]
      startAt = freeAt
    }
    if (startAt === Infinity) {
      // What holds nothing goes first. While something works, nothing else goes.
      const free = plan.filter(({ holds }) => !holds)
      if (healthy || free[0]) return ["plan", healthy ? free : [...free, ...plan.filter(({ holds }) => holds)]]
      startAt = last && !last.over ? last.startedAt + LAST_RESORT_MS : now
    }
    if (now >= startAt) return ["dial", rung.rank]
    until = Math.min(until, startAt)
  } else if (!newcomers.length) {
    if (healthy?.proved !== false) return ["rest"]
  } else if (healthy?.proved) {
    if (reprobeAt === undefined) return ["hang"]
    if (now >= reprobeAt) return ["ask"]
    until = Math.min(until, reprobeAt)
  } else if (last) {
    // A fetch may have been given a pooled connection that died in silence; another one gets another connection. Where
    // the talk's own link fell silent, there may be several, and the round trip tells how long an answer takes. A WebSocket
    // has a connection of its own: where a server comes back to a herd, another one would only wait beside it.
    const [leastMs, most] = current?.doubted
      ? [defaults.PROBE_MS, defaults.SILENT_HEDGES]
      : [patientMs ?? defaults.HEDGE_MS, patientMs && !last.link.exchanges ? 0 : 1]
    const hedgeAt = last.movedAt + Math.max(leastMs, 4 * rttMs)
    if (hedges < most) {
      if (now >= hedgeAt) return ["dial", Math.min(...newcomers.map(({ rank }) => rank))]
      until = Math.min(until, hedgeAt)
    }
  }
  return ["wait", isLate ? now + defaults.LATE_MS : until]
}

/**
 * Pure: what becomes of an attempt that was welcomed. `adopt`: its link carries the talk; `let-go`: it is not needed; `trial`: it
 * has to live for a while and to answer a probe; `probe`: it has to answer one.
 */
export function afterWelcome(
  { rank, proved, turn }: Pick<Rival, "rank" | "proved" | "turn">,
  healthy: Pick<Rival, "rank" | "proved"> | undefined,
  flaps: boolean,
): "adopt" | "let-go" | "trial" | "probe" {
  if (!healthy || (turn && !flaps && (healthy.proved === proved ? rank < healthy.rank : proved))) return "adopt"
  // Its hello took the session and may bring the talk already: it is dialed again.
  if (turn) return "let-go"
  return flaps ? "trial" : "probe"
}
