/** A message's data is 100 bytes of JSON as long as its number has six digits. */
const FIRST = 100_000
const FILLER = "x".repeat(100 - `{"seq":${FIRST},"text":""}`.length)

export function payload(seq) {
  return { seq: FIRST + (seq % (9 * FIRST)), text: FILLER }
}

export const PAYLOAD_BYTES = 100

/** How often this stands in the bytes. Every message has one `seq`, so this counts messages on any wire. */
export function countOf(bytes, mark) {
  let count = 0
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) count++
  return count
}

/** The numbers of the messages in some bytes, in whatever way a peer has escaped them. */
export function seqsOf(bytes) {
  return Array.from(bytes.toString().matchAll(/seq\W+(\d+)/g), ([, digits]) => Number(digits))
}
