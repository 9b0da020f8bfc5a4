import type { RequestContext } from "../../messaging/handlers.ts"

/** A dialogue as it was drawn: what its asker wants, and what it does about it. */
export interface DrawnDialogue {
  /** Number of the dialogue. It is the data of the request. */
  readonly n: number
  readonly isStream: boolean
  /** How many items the answer has, if it is a stream. */
  readonly items: number
  /** How many items go along with the request. -1: it has no input. */
  readonly input: number
  /** Whether the input fails behind its last item. */
  readonly inputFails: boolean
  /** After how many items of the input the handler leaves its loop. */
  readonly reads: number
  /** What the handler does in the end: it answers, it fails, or it waits until it is aborted. */
  readonly end: "answer" | "fail" | "hang"
  /** How long a side waits between two items, in milliseconds. */
  readonly gapMs: number
  /** For how long the asker waits, in milliseconds. */
  readonly limitMs: number
  /** After how many items the asker leaves its loop. */
  readonly takes: number
  /** After how many milliseconds the asker aborts its signal. `Infinity`: not at all. */
  readonly abortsMs: number
}

/** Most items of an answer or of an input. */
const MOST_ITEMS = 40
/** For how long an asker waits for what comes by itself, on a network without faults. */
const PATIENT_MS = 30_000

export function drawDialogue(n: number, random: () => number): DrawnDialogue {
  const upTo = (most: number): number => Math.floor(random() * (most + 1))
  const chance = (likelihood: number): boolean => random() < likelihood
  const isStream = chance(0.5)
  const hasInput = chance(0.5)
  const end = chance(0.7) ? "answer" : chance(0.5) ? "fail" : "hang"
  return {
    n,
    items: isStream ? upTo(MOST_ITEMS) : 0,
    input: hasInput ? upTo(MOST_ITEMS) : -1,
    inputFails: hasInput && chance(0.2),
    reads: chance(0.7) ? Infinity : upTo(MOST_ITEMS),
    end,
    gapMs: chance(0.5) ? 0 : upTo(50),
    isStream,
    limitMs: end === "hang" || chance(0.2) ? upTo(4_000) : PATIENT_MS,
    takes: chance(0.75) ? Infinity : 1 + upTo(MOST_ITEMS),
    abortsMs: chance(0.75) ? Infinity : upTo(2_000),
  }
}

/** Item `at` of this dialogue. Those of the input are below 0. */
export function itemOf({ n }: DrawnDialogue, at: number, isInput: boolean): number {
  return (isInput ? -1 : 1) * (1_000 * (n + 1) + at)
}

/** Resolves when the signal of the request fires. */
export function untilAborted({ signal }: RequestContext<number>): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener("abort", () => resolve())
  })
}

/** A signal that can be fired. */
export function createAbort() {
  const listeners = new Set<() => void>()
  const signal = {
    aborted: false,
    addEventListener: (_type: "abort", listener: () => void) => void listeners.add(listener),
    removeEventListener: (_type: "abort", listener: () => void) => void listeners.delete(listener),
  }
  return {
    signal,
    abort() {
      if (signal.aborted) return
      signal.aborted = true
      for (const listener of [...listeners]) listener()
    },
  }
}
