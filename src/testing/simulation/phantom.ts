import { Broken } from "./failure.ts"
import type { Witness, Word } from "./witness.ts"

/** What is heard was said, as it was said, and by the one to whom it was said. */
export function createPhantomWitness(): Witness {
  const said = new Map<string, Word[]>()
  /** Which channel a peer is of, from the first word between them on. */
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
