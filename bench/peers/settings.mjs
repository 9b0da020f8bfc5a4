/** Every peer that has a heartbeat has one of this interval, so that idle CPU compares. */
export const BEAT_MS = 10_000
