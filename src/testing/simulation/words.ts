import { text, utf8 } from "../../wire/batch.ts"
import type { Word } from "./witness.ts"

/** A word as it is sent: as JSON, or as bytes. */
export type Spoken = readonly [speaker: string, n: number, pad: string] | Uint8Array

/** How a word is sent. */
export function write({ speaker, n, size, binary }: Word): Spoken {
  return binary ? utf8(`${speaker}|${n}|${pad(size)}`) : [speaker, n, pad(size)]
}

/** The word that was sent as this. */
export function read(way: Word["way"], spoken: Spoken): Word {
  const binary = spoken instanceof Uint8Array
  const [speaker = "", n = "", padding = ""] = binary ? text(spoken).split("|") : spoken
  return { way, speaker, n: Number(n), size: String(padding).length, binary }
}

/** Paddings by their size: at most 64, none larger than the largest word of a plan. */
const pads = new Map<number, string>()

/** A text of this size. */
export function pad(size: number): string {
  const known = pads.get(size) ?? "x".repeat(size)
  if (pads.size < 64) pads.set(size, known)
  return known
}
