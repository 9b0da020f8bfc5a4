/** The interval of all peers' heartbeats, in milliseconds. It is the same, so that their idle CPU can be compared. */
export const BEAT_MS = 10_000
