import * as defaults from "../../wire/defaults.ts"
import type { Candidate } from "./ladder.ts"

/**
 * If all rungs were dialed and none has answered for this time (or 4 round trips), the best one is dialed once more.
 */
const HEDGE_MS = 2_000
/**
 * If the current link fell silent, the best rung is dialed again up to this many times, each after the time limit of a
 * probe.
 */
const SILENT_HEDGES = 3
/**
 * Replaces the gaps between rungs, and `HEDGE_MS`, in the climb after a healthy link broke. Then the server is probably
 * away, or has restarted and is busy with all of its channels, so other rungs would not help.
 */
const PATIENT_MS = 2_000
/**
 * If nothing failed, how long after the rung above it each rung is dialed: 0, 300 ms, 1.2 s, 2.5 s from the beginning.
 */
const STAGGER_MS: readonly number[] = [300, 900, 1_300]

// Decides what a climb does next, from its state and the time. Nothing here dials, waits or keeps state: the connector
// does.

/**
 * If no connection is free, a rung that holds one is dialed anyway after the last dialed rung had this long to be
 * welcomed. In milliseconds.
 */
const LAST_RESORT_MS = 4_000

/** The part of an {@link Attempt} that these decisions read. */
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

/** The state of a climb. */
export interface Climb<Attempt extends Rival = Rival> {
  /** The rungs that are not dialed yet, in the order in which they will be. */
  readonly plan: readonly Candidate[]
  /** How many rungs of the plan have been dialed. */
  readonly started: number
  /** The attempt that was dialed last. */
  readonly last?: Attempt | undefined
  /** The attempts that failed and do not count against their rungs yet. */
  readonly failed: readonly Attempt[]
  /** How often the best unanswered rung was dialed a second time (see "hedge" in the glossary). */
  readonly hedges: number
  /** When the next climb begins although an attempt on a better rung is still unanswered in this one. */
  readonly reprobeAt?: number
}

/** The next thing to do. */
export type Move<Attempt extends Rival = Rival> =
  /** Dial the next rung of the plan. With an empty plan: dial the best unanswered rung once more. */
  | readonly [what: "dial", rank: number]
  /** From now on the link of this attempt carries the session. */
  | readonly [what: "adopt", attempt: Attempt]
  /** End the link of this attempt: no answer came in time. */
  | readonly [what: "end", attempt: Attempt]
  /** These attempts failed although a worse rung is proved to work: their rungs are broken here. */
  | readonly [what: "condemn", failed: readonly Attempt[]]
  /** No connection is free: continue with this plan, which has another order or fewer rungs. */
  | readonly [what: "plan", plan: Candidate[]]
  /**
   * `slot`: ask when a connection may be held. `rest`: the climb is over; either a link works or none does. `hang`: a
   * link works, but an attempt on a better rung is still unanswered: set the time of the next climb. `ask`: that time
   * has come, begin the next climb.
   */
  | readonly [what: "slot" | "rest" | "hang" | "ask", nothing?: undefined]
  /** Nothing is due before this time. */
  | readonly [what: "wait", until: number]

/**
 * Pure: returns the first thing that is due in a climb. The connector calls it again after each move, until it returns
 * `wait` or the climb is over.
 *
 * @param isLate whether the alarm of this climb rang so late that a welcome may already wait in the event queue
 * @param current the attempt whose link carries the session
 * @param newcomers all other attempts that have not ended
 * @param known rank of the link before this climb. Undefined if that link was not healthy until it broke, or if
 * something since suggests another network
 * @param failures how many climbs in a row have failed
 * @param lastCode the code of why the last link ended
 * @param portalMs shortens the time in which a dial must be answered, behind a captive portal; else `Infinity`
 * @param freeAt when a connection may be held. `Infinity` if none is free, undefined if that was not asked yet
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
  // A rung that failed while a worse one is proved to work is broken here: the server is reachable.
  if (healthy?.proved && failed.length > 0) return ["condemn", failed.filter(({ rank }) => rank < healthy.rank)]
  let until = Infinity
  // When the alarm is late, a welcome may already wait in the event queue. So no attempt is given up before the next
  // alarm.
  for (const attempt of isLate ? [] : newcomers) {
    const dueAt = attempt.trialUntil ?? attempt.movedAt + Math.min(portalMs, defaults.DIAL_DEADLINE_MS)
    if (now >= dueAt) return [attempt.heardAt ? "adopt" : "end", attempt]
    until = Math.min(until, dueAt)
  }
  // A server that refused a dial and now does not answer is probably busy, because all its channels come back at once.
  const patientMs = known === undefined ? undefined : PATIENT_MS * (failures ? 2 : 1)
  // If the rung that worked a moment ago cannot connect, the server is away, and so for every rung. So three climbs of
  // four dial that rung alone, and the fourth dials all.
  const isAway =
    last?.rank === known && last?.over && lastCode === "network" && failures % 4 < 3 && !current && !newcomers.length
  const [rung] = plan
  if (rung && !isAway) {
    // At once if the rung before has failed. Otherwise after a gap; the gap before the second rung is at least two
    // round trips. If the server worked a moment ago, the gap is longer: it is more likely away or busy than the rung
    // broken.
    let startAt = 0
    if (last && !last.over) {
      const gapMs = (!healthy && patientMs) || (STAGGER_MS[started - 1] ?? STAGGER_MS.at(-1) ?? 0)
      startAt = last.startedAt + (started === 1 ? Math.max(gapMs, 2 * rttMs) : gapMs)
    }
    // A welcomed link that is not proved yet gets as long to prove itself as its welcome took.
    if (healthy?.proved === false) startAt = Math.max(startAt, 2 * healthy.welcomedAt - healthy.startedAt)
    if (isLate) startAt = now
    if (now >= startAt && rung.holds) {
      if (freeAt === undefined) return ["slot"]
      startAt = freeAt
    }
    if (startAt === Infinity) {
      // Rungs that hold no connection go first. While a link works, only those are dialed.
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
    // `fetch` may have used a pooled connection that is dead without anybody knowing; a second request gets another
    // one. If the current link fell silent, several connections may be dead, and the measured round trip tells how long
    // an answer takes. A WebSocket has its own connection: if the server is busy with returning clients, a second one
    // would only wait in the same queue.
    const [leastMs, most] = current?.doubted
      ? [defaults.PROBE_MS, SILENT_HEDGES]
      : [patientMs ?? HEDGE_MS, patientMs && !last.link.exchanges ? 0 : 1]
    const hedgeAt = last.movedAt + Math.max(leastMs, 4 * rttMs)
    if (hedges < most) {
      if (now >= hedgeAt) return ["dial", Math.min(...newcomers.map(({ rank }) => rank))]
      until = Math.min(until, hedgeAt)
    }
  }
  return ["wait", isLate ? now + defaults.LATE_MS : until]
}

/**
 * Pure: decides what to do with an attempt that was welcomed. `adopt`: its link carries the session from now on.
 * `let-go`: it is not needed. `trial`: it must live for a while and answer a probe first. `probe`: it must answer a
 * probe first.
 */
export function afterWelcome(
  { rank, proved, turn }: Pick<Rival, "rank" | "proved" | "turn">,
  healthy: Pick<Rival, "rank" | "proved"> | undefined,
  flaps: boolean,
): "adopt" | "let-go" | "trial" | "probe" {
  if (!healthy || (turn && !flaps && (healthy.proved === proved ? rank < healthy.rank : proved))) return "adopt"
  // Its hello had a turn, so the hub may send the session's packets on this link. The rung has to be dialed again
  // without one.
  if (turn) return "let-go"
  return flaps ? "trial" : "probe"
}
