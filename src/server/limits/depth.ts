import type { Packet } from "../../wire/batch.ts"
import { REQUEST } from "../../wire/kinds.ts"

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Whether the payload of a numbered packet is nested deeper than `most`. It only counts brackets outside of strings.
 * Checked before parsing, because a parser makes an object for each opening bracket before it finds that the text is no
 * JSON.
 */
export function isNestedDeeper(packet: Packet, most: number): boolean {
  // Each level needs two characters.
  if (typeof packet !== "string" || packet.length <= 2 * most) return false
  let at = packet.indexOf("\t")
  if (packet.startsWith(REQUEST)) at = packet.indexOf("\t", at + 1)
  let depth = 0
  for (at++; at < packet.length; at++) {
    const unit = packet.charCodeAt(at)
    if (unit === QUOTE) at = endOfString(packet, at + 1)
    // `[` and `{`, and `]` and `}`, differ in one bit.
    else if ((unit | 0x20) === 0x7b) {
      if (++depth > most) return true
    } else if ((unit | 0x20) === 0x7d) depth--
  }
  return false
}

/** Where the string that begins at `from` ends; the end of the text if it is not closed. */
function endOfString(text: string, from: number): number {
  for (let at = from; ; at++) {
    at = text.indexOf('"', at)
    if (at < 0) return text.length
    let escapes = 0
    while (at - 1 - escapes >= from && text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++
    if (escapes % 2 === 0) return at
  }
}
