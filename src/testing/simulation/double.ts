import { Broken } from "./failure.ts"
import type { Witness, Word } from "./witness.ts"

/** Checks that no word is heard twice, except an uncertain word that the channel resends after a reset. */
export function createDoubleWitness(): Witness {
  /** How many more times each word may be heard. */
  const left = new Map<string, number>()
  return {
    said(word) {
      left.set(keyOf(word), 1)
    },
    heard(word, by) {
      const times = left.get(keyOf(word)) ?? 0
      if (times === 0) throw new Broken("no double", `${by} heard ${word.n} of ${word.speaker} once more`)
      left.set(keyOf(word), times - 1)
    },
    reset(_channel, uncertain, onReset) {
      if (onReset === "report") return
      for (const word of uncertain) left.set(keyOf(word), (left.get(keyOf(word)) ?? 0) + 1)
    },
  }
}

function keyOf({ speaker, n }: Word): string {
  return `${speaker} ${n}`
}
