/** A rung that a climb may dial. */
export interface Candidate {
  /** Place in the ladder that the application gave. 0 is preferred. */
  readonly rank: number
  /** Whether a link of it occupies one of the few connections of a browser. */
  readonly holds: boolean
  /** Until when the rung is believed broken here, in milliseconds since the epoch. 0 or a past time if it is not. */
  readonly brokenUntil: number
}

/**
 * Pure: the order in which a climb dials its rungs. Rungs that are believed broken come last, but are still dialed
 * before the climb concludes that the server is away. Among them the one that failed last is the last, so each gets its
 * turn.
 */
export function planClimb(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((one, other) => one.brokenUntil - other.brokenUntil || one.rank - other.rank)
}
