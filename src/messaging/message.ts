import { type Packet, utf8 } from "../wire/batch.ts"
import type { Codec } from "../wire/codec.ts"
import { MAX_PAYLOAD_BYTES } from "../wire/defaults.ts"
import { EverwireError, protocolError } from "../wire/errors.ts"
import { MESSAGE } from "../wire/kinds.ts"
import { checkName, encodePacket, openPacket } from "../wire/packet.ts"
import { type Body, decodePayload, encodePayload } from "../wire/payload.ts"

/** What a payload needs of its session. */
export interface PayloadHost {
  /** The codec of the session. Undefined: JSON. */
  readonly codec?: Codec | undefined
  /** Largest encoded payload that the other side takes, in bytes. Undefined until a welcome has told it. */
  maxPayloadBytes(): number | undefined
}

/**
 * Encodes a message. One packet can be sent to any number of peers.
 *
 * @param header The text with which a message of this name begins, if the caller has it.
 * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
 */
export function encodeMessage(name: string, data: unknown, host: PayloadHost, header = headerOf(name)): Packet {
  const body = checkedPayload(data, host)
  return typeof body === "string" ? header + body : encodePacket(MESSAGE, [name], body)
}

/** The text with which a message of this name begins. @throws EverwireError `misuse` if the name is invalid. */
export function headerOf(name: string): string {
  checkName(name)
  return `${MESSAGE}${name}\t`
}

/** Returns the name and data of a message packet, as handlers get them. Undefined for a packet of another kind. */
export function readMessage(packet: Packet, codec?: Codec): { name: string; data: unknown } | undefined {
  const { kind, name, body } = openPacket(packet)
  return kind === MESSAGE ? { name, data: readPayload(body, codec) } : undefined
}

/** Encodes a payload. @throws EverwireError `payload-unsupported`, `payload-too-large`; what the codec throws */
export function checkedPayload(data: unknown, host: PayloadHost): Body {
  const { codec } = host
  let body = codec && data !== undefined ? codec.encode(data) : encodePayload(data)
  // Unlike that of JSON, the text of a codec could have a line feed in it, which ends a packet.
  if (codec && typeof body === "string") body = body && utf8(body)
  checkSize(body, host.maxPayloadBytes())
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

/** Decodes a payload. A hub's codecs take text, too, which a channel never sends. @throws EverwireError `protocol-error`, `too-large` */
export function readPayload(body: Body, codec?: Codec): unknown {
  try {
    return codec && body !== "" ? codec.decode(body as Uint8Array) : decodePayload(body)
  } catch (error) {
    throw (error as EverwireError | undefined)?.code === "too-large"
      ? error
      : protocolError("a payload that cannot be decoded")
  }
}
