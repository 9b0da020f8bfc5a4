import { Decoder, Encoder } from "@msgpack/msgpack"
import { msgpack } from "../codecs/msgpack/msgpack.ts"
import type { LastWords, MovedSession, SessionFacts } from "../server/moved-session.ts"
import { decodePrincipal, encodePrincipal } from "./told-principal.ts"

// What is absent stays absent: an optional field must not come back as null.
const encoder = new Encoder({ ignoreUndefined: true })
const decoder = new Decoder()
const { encode, decode } = msgpack()

/** The fields that an application has filled, as bytes of the codec that carries most. */
interface Written extends Omit<MovedSession, "principal" | "data"> {
  readonly principal: Uint8Array
  readonly data?: Uint8Array | undefined
}

/**
 * A session as bytes for another process. `peer.data` that is no plain data is left out.
 *
 * @throws EverwireError `payload-unsupported` if the principal is not plain data
 */
export function encodeMoved({ principal, data, ...rest }: MovedSession): Uint8Array {
  const written: Written = { ...rest, principal: encodePrincipal(principal), data: encodeData(data) }
  return encoder.encode(written)
}

/** Reads what `encodeMoved` wrote. */
export function decodeMoved(bytes: Uint8Array): MovedSession {
  const { principal, data, ...rest } = decoder.decode(bytes) as Written // `encodeMoved` wrote it
  return { ...rest, principal: decodePrincipal(principal), data: data && decode(data) } // as above
}

/**
 * Some facts of a session as bytes.
 *
 * @throws EverwireError `payload-unsupported` as `encodeMoved`
 */
export function encodeFacts(facts: Partial<SessionFacts>): Uint8Array {
  const { principal, data, ...rest } = facts
  return encoder.encode({
    ...rest,
    principal: principal && encodePrincipal(principal),
    ...("data" in facts && { data: encodeData(data) ?? null }),
  })
}

/** Reads what `encodeFacts` wrote. */
export function decodeFacts(bytes: Uint8Array): Partial<SessionFacts> {
  const { principal, data, ...rest } = decoder.decode(bytes) as { principal?: Uint8Array; data?: Uint8Array | null } // as above
  return {
    ...rest,
    ...(principal && { principal: decodePrincipal(principal) }),
    ...(data !== undefined && { data: data ? decode(data) : undefined }),
  }
}

/** `peer.data` that is no plain data is left out. */
export function encodeLastWords({ data, ...rest }: LastWords): Uint8Array {
  return encoder.encode({ ...rest, data: encodeData(data) })
}

/** Reads what `encodeLastWords` wrote. */
export function decodeLastWords(bytes: Uint8Array): LastWords {
  const { data, ...rest } = decoder.decode(bytes) as LastWords & { readonly data?: Uint8Array } // `encodeLastWords` wrote it
  return { ...rest, data: data && decode(data) }
}

function encodeData(data: unknown): Uint8Array | undefined {
  if (data === undefined) return undefined
  try {
    return encode(data) as Uint8Array // as above
  } catch {
    return undefined
  }
}
