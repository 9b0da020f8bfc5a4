import { Broken } from "./failure.ts"
import type { Witness, Word } from "./witness.ts"

/** Checks that each word heard was said, that it arrived unchanged, and that the right side heard it. */
export function createPhantomWitness(): Witness {
  const said = new Map<string, Word[]>()
  /** The channel of each peer, known from the first word between them. */
  const channels = new Map<string, string>()
  return {
    said(word) {
      const words = said.get(word.speaker) ?? []
      said.set(word.speaker, words)
      words.push(word)
    },
    heard({ way, speaker, n, size, binary }, by) {
      const word = said.get(speaker)?.[n]
      if (word === undefined) throw new Broken("no phantom", `${by} heard ${n} of ${speaker}, which nobody said`)
      if (size !== word.size || binary !== word.binary) {
        throw new Broken("no phantom", `${by} heard ${n} of ${speaker} otherwise than it was said`)
      }
      const [peer, channel] = way === "up" ? [by, speaker] : [speaker, by]
      const known = channels.get(peer) ?? channel
      channels.set(peer, known)
      if (known !== channel) throw new Broken("no phantom", `${peer} of ${known} talks with ${channel} too`)
    },
  }
}
