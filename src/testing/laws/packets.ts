import { type Packet, utf8 } from "../../wire/batch.ts"

/** Characters of a packet that a message shows. */
const SHOWN = 40

/** A text packet as the kernel makes it: a kind, then text without raw line ends. Padded to at least `bytes` bytes. */
export function note(label: string | number, bytes = 0): string {
  return `m${label}\t`.padEnd(bytes, "0123456789abcdef")
}

/** `count` different text packets. */
export function notes(count: number, label = "n", bytes = 0): string[] {
  return Array.from({ length: count }, (_, index) => note(`${label}${index + 1}`, bytes))
}

/** A binary packet: one line with a kind and a name, then the payload. */
export function bytes(label: string | number, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const head = utf8(`m${label}\n`)
  const packet = new Uint8Array(head.length + payload.length)
  packet.set(head)
  packet.set(payload, head.length)
  return packet
}

/** Pseudorandom bytes: they do not compress, and they are not valid text. Always the same for one length. */
export function noise(length: number): Uint8Array {
  const noisy = new Uint8Array(length)
  let state = 0x2545_f491
  for (let index = 0; index < length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    noisy[index] = state
  }
  return noisy
}

/** Describes the first difference between the packets sent and those received; undefined when there is none. */
export function difference(said: readonly Packet[], heard: readonly Packet[]): string | undefined {
  const at = said.findIndex((packet, index) => !isSame(packet, heard[index]))
  if (at < 0) {
    const surplus = heard[said.length]
    if (surplus === undefined) return undefined
    const number = said.findIndex((packet) => isSame(packet, surplus))
    return number < 0 ? `packet ${show(surplus)} that nobody said` : `packet ${number + 1} once more`
  }
  const missing = said[at]
  const instead = heard[at]
  if (instead === undefined) return `packet ${at + 1} of ${said.length} missing: ${show(missing)}`
  return `${show(instead)} where packet ${at + 1} of ${said.length} belongs: ${show(missing)}${parting(missing, instead)}`
}

function isSame(one: Packet, other: Packet | undefined): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other
  if (one.length !== other?.length) return false
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false
  return true
}

/** The position at which two packets first differ, for packets that would look the same when printed. */
function parting(belongs: Packet | undefined, came: Packet): string {
  if (belongs === undefined || typeof belongs !== typeof came || (isPlain(belongs) && isPlain(came))) return ""
  let at = 0
  while (at < came.length && belongs[at] === came[at]) at++
  const unit = (packet: Packet): string => {
    if (at >= packet.length) return "the end"
    return typeof packet === "string" ? `U+${packet.codePointAt(at)?.toString(16).toUpperCase()}` : `${packet[at]}`
  }
  return `; they part at ${at}: ${unit(came)} for ${unit(belongs)}`
}

/** Whether a message shows the whole packet, in printable ASCII. */
function isPlain(packet: Packet): boolean {
  return typeof packet === "string" && packet.length <= SHOWN && /^[ -~\t]*$/.test(packet)
}

/** A packet as a readable string. */
function show(packet: Packet | undefined): string {
  if (packet === undefined) return "nothing"
  if (typeof packet !== "string") return `${packet.length} bytes (${packet.subarray(0, 12).join(" ")} ...)`
  const text = JSON.stringify(packet.length > SHOWN ? `${packet.slice(0, SHOWN)}...` : packet)
  return `${text} (${packet.length} characters)`
}
