import type { SessionHistory } from "./session-history.ts"

/** A history that once failed. */
interface Kept {
  /** The fault that it revealed. */
  readonly found: string
  /** The seed and path as fast-check printed them; absent where the generators have changed since. */
  readonly seed?: number
  readonly path?: string
  /** The generated history, which stays valid when the generators change. */
  readonly history: SessionHistory
}

/** Histories of two sessions that once failed. Each is replayed in every run. */
export const sessionSeeds: readonly Kept[] = [
  {
    found: "an ack ahead of a link's cursor made an endless loop",
    history: {
      seed: 0,
      swapped: false,
      steps: [
        { do: "dial", takes: true },
        { do: "dial", takes: true },
        { do: "say", end: "accepting", many: 6, size: 70000, binary: false },
        { do: "let-go", index: 3 },
        { do: "pass", ms: 300 },
      ],
    },
  },
  {
    found: "a link taken once more lost the other side's position",
    history: {
      seed: 0,
      swapped: false,
      steps: [
        { do: "say", end: "accepting", many: 1, size: 1, binary: false },
        { do: "dial", takes: true },
        { do: "pass", ms: 2600 },
        { do: "take", index: 0 },
        { do: "say", end: "accepting", many: 1, size: 1, binary: false },
        { do: "pass", ms: 300 },
      ],
    },
  },
  {
    found: "planted: a late batch of an old link was heard",
    history: {
      seed: 0,
      swapped: false,
      steps: [
        { do: "say", end: "dialing", many: 1, size: 1, binary: false },
        { do: "dial", takes: true },
        { do: "dial", takes: true },
        { do: "pass", ms: 11000 },
      ],
    },
  },
  {
    found: "planted: a late ack of an old link was heard",
    history: {
      seed: 408386809,
      swapped: false,
      steps: [
        { do: "dial", takes: false },
        { do: "say", end: "dialing", many: 5, size: 70000, binary: false },
        { do: "dial", takes: true },
        { do: "dial", takes: true },
        { do: "pass", ms: 300 },
      ],
    },
  },
]
