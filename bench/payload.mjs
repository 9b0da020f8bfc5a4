/** The data of a message: 100 bytes of JSON, if its number has six digits. */
const FIRST = 100_000
const FILLER = "x".repeat(100 - `{"seq":${FIRST},"text":""}`.length)

export function payload(seq) {
  return { seq: FIRST + (seq % (9 * FIRST)), text: FILLER }
}

export const PAYLOAD_BYTES = 100

/**
 * The number of times that `seq` occurs in the bytes. Every message has one, so this counts messages of any protocol.
 */
export function countOf(bytes, mark) {
  let count = 0
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) count++
  return count
}

/** The numbers of the messages in these bytes, whether or not the peer has escaped the quotes. */
export function seqsOf(bytes) {
  return Array.from(bytes.toString().matchAll(/seq\W+(\d+)/g), ([, digits]) => Number(digits))
}
