import { allocatePacket, type Packet, text, utf8 } from "./batch.ts"
import { MAX_HEADER_BYTES, MAX_NAME_LENGTH } from "./defaults.ts"
import { EverwireError, protocolError, wordsOf } from "./errors.ts"
import { MESSAGE, type NumberedKind, REQUEST } from "./kinds.ts"
import type { Body } from "./payload.ts"

/** A numbered packet, taken apart. `id` names a request among those of its sender; `name` is the application's. */
export interface Opened {
  readonly kind: NumberedKind
  readonly id: string
  readonly name: string
  readonly body: Body
}

/** First character of any packet. */
export function kindOf(packet: Packet): string {
  return typeof packet === "string" ? packet.charAt(0) : String.fromCharCode(packet[0] ?? 0)
}

/** Builds a numbered packet of header fields and a payload. Bytes are copied, so the caller may reuse its buffer. */
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
  const kind = kindOf(packet) as NumberedKind // callers have seen isNumbered(kind)
  if (kind === MESSAGE && typeof packet === "string") return openMessage(packet)
  const [header, body] = typeof packet === "string" ? cutText(packet, kind) : cutBytes(packet)
  const fields = header.split("\t")
  // Only a request has two fields.
  if (fields.length !== (kind === REQUEST ? 2 : 1)) throw protocolError("a packet without its fields")
  const [id = "", name = ""] = kind === MESSAGE ? ["", header] : fields
  return { kind, id, name, body }
}

/** By far the most packets are messages of text. */
function openMessage(packet: string): Opened {
  const end = packet.indexOf("\t")
  if (end < 0) throw protocolError("a packet without its fields")
  // The name is mostly the one that was heard last: then it is no new text, to be hashed before a handler is found by it.
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

/** A count or a position on the wire. @throws EverwireError `protocol-error` unless it is a safe, unsigned integer. */
export function readCount(digits: string): number {
  const count = Number(digits)
  if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(count)) {
    throw protocolError("a number that is no count")
  }
  return count
}

/** Control characters and lone surrogates, as what is none of the others: React Native's Hermes knows no `\p{Cc}`. */
const UNFIT = /[^ -~\u00a0-\ud7ff\ue000-\u{10ffff}]/u

/**
 * Names are free but for control characters and lone surrogates, which no wire would bring over unchanged.
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

/** @throws EverwireError `misuse` on what cannot be called: it would be missed only when it is needed. */
export function checkFunction(given: unknown): void {
  if (typeof given !== "function") throw new EverwireError("misuse", `a function is needed; given: ${typeof given}`)
}
