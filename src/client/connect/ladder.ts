/** A rung that a climb may start. */
export interface Candidate {
  /** Place in the ladder that the user gave. */
  readonly rank: number
  /** Whether its link keeps one of the few connections of a browser. */
  readonly holds: boolean
  /** Until when it is believed broken here: a time that is over where it is not. */
  readonly brokenUntil: number
}

/**
 * Pure: the order of a climb. What is believed broken comes last, but before the server is believed away; what failed
 * last, last of all, so that each has its turn.
 */
export function planClimb(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((one, other) => one.brokenUntil - other.brokenUntil || one.rank - other.rank)
}
