import { STAGGER_MS } from "../../wire/defaults.ts"

/** The last rung that was started in a climb. */
export interface LastStart {
  readonly startedAt: number
  /** Whether its link has ended: then the next rung need not wait. */
  readonly over?: boolean
}

/** A rung that a climb may start. */
export interface Candidate {
  /** Place in the ladder that the user gave. */
  readonly rank: number
  /** Until when it is believed broken here; 0 when it is not. */
  readonly brokenUntil: number
}

/**
 * Pure: the order of a climb. What is believed broken comes last, but before the server is believed away; what failed
 * last, last of all, so that each has its turn.
 */
export function planClimb(candidates: readonly Candidate[]): number[] {
  return [...candidates]
    .sort((one, other) => one.brokenUntil - other.brokenUntil || one.rank - other.rank)
    .map(({ rank }) => rank)
}

/**
 * Pure: when the next rung of a climb is due, if nothing proves itself before: at once when the one before it has failed,
 * otherwise staggered, the second one by two round trips where those are longer. `patientMs`: where it is above 0, instead, because the server was well a moment
 * ago, so that it is rather away, or busy with everybody's return, than a rung broken.
 */
export function nextStartAt(started: number, last: LastStart | undefined, rttMs: number, patientMs = 0): number {
  if (!last || last.over) return 0
  const gapMs = patientMs || (STAGGER_MS[started - 1] ?? STAGGER_MS.at(-1) ?? 0)
  return last.startedAt + (started === 1 ? Math.max(gapMs, 2 * rttMs) : gapMs)
}
