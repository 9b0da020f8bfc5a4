import { type Batch, decodeBatch, joinBatches, text } from "../../wire/batch.ts"
import type { Closing } from "../../wire/errors.ts"
import { readClosing, readFields } from "../../wire/handshake.ts"
import { readCount } from "../../wire/packet.ts"

/**
 * The first line of every HTTP body and of every control event on a stream. Uploads and polls are numbered from 1 on
 * each link, so that a repeated request is answered again and a stale answer is recognised.
 */
export interface Envelope {
  /** Secret id of the link, minted by the hub. Absent in the first request. */
  readonly link?: string | undefined
  /** Number of this upload. Absent if the request brings no packets. */
  readonly up?: number | undefined
  /** Number of this poll. Absent if the request asks for no packets. */
  readonly poll?: number | undefined
  /** How long the hub may leave a poll unanswered on the channel's network, in milliseconds. */
  readonly holdMs?: number | undefined
  /** Single-use ticket for the stream that belongs to this link. */
  readonly ticket?: string | undefined
  /** Id of the hub that answers. Present in the first answer of a link, and in answers that close or refuse. */
  readonly hub?: string | undefined
  /** The link ends with this exchange. */
  readonly close?: Closing | undefined
}

/** The header that may carry the envelope of a poll without packets, so that the hub need not wait for a body. */
export const ENVELOPE_HEADER = "everwire"

/** How many bytes a body may have in addition to its batch. */
export const MAX_ENVELOPE_BYTES = 1_024

export const TEXT_TYPE = "text/plain;charset=UTF-8"
export const BYTES_TYPE = "application/octet-stream"

/** Encodes an envelope alone, as a stream carries it. */
export function writeEnvelope(envelope: Envelope): string {
  return `@${JSON.stringify(envelope)}`
}

/** Encodes a body: one batch of the envelope, as its first packet, and all packets of `batches`. */
export function encodeBody(envelope: Envelope, batches: readonly Batch[]): string | Uint8Array<ArrayBuffer> {
  return joinBatches([writeEnvelope(envelope), ...batches]) as string | Uint8Array<ArrayBuffer> // never shared memory
}

/** Inverse of {@link encodeBody}. @throws EverwireError `protocol-error` */
export function decodeBody(body: Uint8Array, contentType: string): { envelope: Envelope; batch: Batch | undefined } {
  if (contentType.startsWith(BYTES_TYPE)) {
    const end = endOfFirst(body)
    const [line] = decodeBatch(body.subarray(0, end))
    const rest = body.subarray(end)
    return { envelope: readEnvelope(String(line)), batch: rest.length > 0 ? rest : undefined }
  }
  const whole = text(body)
  const end = whole.indexOf("\n")
  if (end < 0) return { envelope: readEnvelope(whole), batch: undefined }
  return { envelope: readEnvelope(whole.slice(0, end)), batch: whole.slice(end + 1) }
}

/** Reads the envelope from the beginning of a body. Undefined if the beginning does not contain all of it. */
export function readBeginning(beginning: Uint8Array, contentType: string): Envelope | undefined {
  const isBytes = contentType.startsWith(BYTES_TYPE)
  if (isBytes && beginning.length < 4) return undefined
  const end = isBytes ? endOfFirst(beginning) : beginning.indexOf(10)
  return end < 0 || end > beginning.length ? undefined : decodeBody(beginning.subarray(0, end), contentType).envelope
}

/** @throws EverwireError `protocol-error` */
export function readEnvelope(line: string): Envelope {
  const { link, up, poll, holdMs, ticket, hub, close } = readFields(line, "@") // each is narrowed here
  return {
    link: readId(link),
    up: readNumber(up),
    poll: readNumber(poll),
    holdMs: readNumber(holdMs),
    ticket: readId(ticket),
    hub: readId(hub),
    close: close === undefined ? undefined : readClosing(close),
  }
}

function readId(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 64 ? value : undefined
}

function readNumber(value: unknown): number | undefined {
  return value === undefined ? undefined : readCount(JSON.stringify(value))
}

/** Position at which the first packet of a binary batch ends. */
function endOfFirst(batch: Uint8Array): number {
  // Only the last two of the header's four bytes count. No envelope is longer, and a longer first packet fails to
  // decode.
  return 4 + 256 * (batch[2] ?? 0) + (batch[3] ?? 0)
}
