import { allocatePacket, type Packet, text, utf8 } from "./batch.ts"
import { MAX_HEADER_BYTES, MAX_NAME_LENGTH } from "./defaults.ts"
import { EverwireError, protocolError, wordsOf } from "./errors.ts"
import { MESSAGE, type NumberedKind, REQUEST } from "./kinds.ts"
import type { Body } from "./payload.ts"

/** A numbered packet, taken apart. `id` identifies a request among those of its sender. `name` is the application's. */
export interface Opened {
  readonly kind: NumberedKind
  readonly id: string
  readonly name: string
  readonly body: Body
}

/** Returns the first character of a packet, which is its kind. */
export function kindOf(packet: Packet): string {
  return typeof packet === "string" ? packet.charAt(0) : String.fromCharCode(packet[0] ?? 0)
}

/** Builds a numbered packet from header fields and a payload. Bytes are copied, so the caller may reuse its buffer. */
export function encodePacket(kind: NumberedKind, fields: readonly string[], body: Body): Packet {
  const header = kind + fields.join("\t")
  if (typeof body === "string") return `${header}\t${body}`
  const head = utf8(`${header}\n`)
  const packet = allocatePacket(head.length + body.length)
  packet.set(head)
  packet.set(body, head.length)
  return packet
}

/** Takes a numbered packet apart. @throws EverwireError `protocol-error` when a field is missing. */
export function openPacket(packet: Packet): Opened {
  const kind = kindOf(packet) as NumberedKind // callers have checked `isNumbered(kind)`
  if (kind === MESSAGE && typeof packet === "string") return openMessage(packet)
  const [header, body] = typeof packet === "string" ? cutText(packet, kind) : cutBytes(packet)
  const fields = header.split("\t")
  // Only a request has two fields.
  if (fields.length !== (kind === REQUEST ? 2 : 1)) throw protocolError("a packet without its fields")
  const [id = "", name = ""] = kind === MESSAGE ? ["", header] : fields
  return { kind, id, name, body }
}

/** A fast path, because most packets are text messages. */
function openMessage(packet: string): Opened {
  const end = packet.indexOf("\t")
  if (end < 0) throw protocolError("a packet without its fields")
  // Most names equal the last one. Reusing its string saves a new one, whose hash a look-up in a map would have to
  // compute.
  if (end !== lastName.length + 1 || !packet.startsWith(lastName, 1)) lastName = packet.slice(1, end)
  return { kind: MESSAGE, id: "", name: lastName, body: packet.slice(end + 1) }
}

let lastName = ""

function cutText(packet: string, kind: NumberedKind): [header: string, body: string] {
  let end = packet.indexOf("\t")
  if (kind === REQUEST) end = packet.indexOf("\t", end + 1)
  if (end < 0) throw protocolError("a packet without its fields")
  return [packet.slice(1, end), packet.slice(end + 1)]
}

function cutBytes(packet: Uint8Array): [header: string, body: Uint8Array] {
  const end = packet.indexOf(10)
  if (end < 0 || end > MAX_HEADER_BYTES) throw protocolError("a packet without its fields")
  return [text(packet.subarray(1, end)), packet.subarray(end + 1)]
}

/** Reads a count or a position. @throws EverwireError `protocol-error` unless it is a safe integer without a sign. */
export function readCount(digits: string): number {
  const count = Number(digits)
  if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(count)) {
    throw protocolError("a number that is no count")
  }
  return count
}

/**
 * Matches control characters and lone surrogates. It lists all others, because React Native's Hermes has no `\p{Cc}`.
 */
const UNFIT = /[^ -~\u00a0-\ud7ff\ue000-\u{10ffff}]/u

/**
 * Any text is a valid name if it has no control characters and no lone surrogates, which would not arrive unchanged.
 *
 * @throws EverwireError `misuse`
 */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME_LENGTH || UNFIT.test(name)) {
    throw new EverwireError(
      "misuse",
      `a name has 1 to ${MAX_NAME_LENGTH} printable characters; given: ${wordsOf(name).slice(0, 40)}`,
    )
  }
}

/**
 * @throws EverwireError `misuse` if `given` is not a function. Otherwise the mistake would show only when it is called.
 */
export function checkFunction(given: unknown): void {
  if (typeof given !== "function") throw new EverwireError("misuse", `a function is needed; given: ${typeof given}`)
}
