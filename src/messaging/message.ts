import { type Packet, utf8 } from "../wire/batch.ts"
import { MAX_PAYLOAD_BYTES } from "../wire/defaults.ts"
import { EverwireError, protocolError } from "../wire/errors.ts"
import { MESSAGE } from "../wire/kinds.ts"
import { checkName, encodePacket, openPacket } from "../wire/packet.ts"
import { type Body, decodePayload, encodePayload } from "../wire/payload.ts"

/**
 * Encodes a message. One packet can be sent to any number of peers.
 *
 * @param header The text with which a message of this name begins, if the caller has it.
 * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
 */
export function encodeMessage(name: string, data: unknown, maxBytes?: number, header = headerOf(name)): Packet {
  const body = checkedPayload(data, maxBytes)
  return typeof body === "string" ? header + body : encodePacket(MESSAGE, [name], body)
}

/** The text with which a message of this name begins. @throws EverwireError `misuse` if the name is invalid. */
export function headerOf(name: string): string {
  checkName(name)
  return `${MESSAGE}${name}\t`
}

/** Returns the name and data of a message packet, as handlers get them. Undefined for a packet of another kind. */
export function readMessage(packet: Packet): { name: string; data: unknown } | undefined {
  const { kind, name, body } = openPacket(packet)
  return kind === MESSAGE ? { name, data: readPayload(body) } : undefined
}

/** Encodes a payload. @throws EverwireError `payload-unsupported`, `payload-too-large` */
export function checkedPayload(data: unknown, maxBytes?: number): Body {
  const body = encodePayload(data)
  checkSize(body, maxBytes)
  return body
}

/** @throws EverwireError `payload-too-large` */
export function checkSize(body: Body, maxBytes = MAX_PAYLOAD_BYTES): void {
  // UTF-8 needs at most three bytes per UTF-16 unit, so most texts need not be measured.
  if (
    body.length > maxBytes ||
    (typeof body === "string" && 3 * body.length > maxBytes && utf8(body).length > maxBytes)
  ) {
    throw new EverwireError("payload-too-large", `the payload is larger than ${maxBytes} bytes; send it in parts`)
  }
}

/** Decodes a payload. @throws EverwireError `protocol-error` */
export function readPayload(body: Body): unknown {
  try {
    return decodePayload(body)
  } catch {
    throw protocolError("a payload that is not JSON")
  }
}
