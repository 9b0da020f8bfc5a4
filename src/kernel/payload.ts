import { EverwireError } from "./errors.ts"

/** A payload on the wire: JSON text, bytes, or `""` for `undefined`. */
export type Body = string | Uint8Array

/**
 * Encodes what an application sends. `Uint8Array` and `ArrayBuffer` cross as bytes, `undefined` as nothing, everything
 * else as JSON (ECMA-404, by `JSON.stringify`).
 *
 * @throws EverwireError `payload-unsupported` when the value would not arrive as it left: bytes, a Map, a Set or a Blob
 * inside JSON, a function or a symbol, a BigInt, a cycle.
 */
export function encodePayload(value: unknown): Body {
  if (value === undefined) return ""
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  let json: string | undefined
  try {
    refuseWhatJsonMangles(value)
    json = JSON.stringify(value)
  } catch (cause) {
    if (cause instanceof EverwireError) throw cause
    throw unsupported(`JSON cannot hold this payload: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
  if (json === undefined) throw unsupported(`a ${typeof value} is no payload`)
  return json
}

/** The inverse of {@link encodePayload}: `ArrayBuffer` arrives as `Uint8Array`. @throws SyntaxError on bad JSON. */
export function decodePayload(body: Body): unknown {
  if (typeof body !== "string") return body
  return body === "" ? undefined : JSON.parse(body)
}

/** JSON.stringify turns these into `{}` or a list of digits without a word. What says `toJSON` knows what it does. */
function refuseWhatJsonMangles(value: unknown): void {
  if (typeof value !== "object" || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object") refuseWhatJsonMangles(item)
    return
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    const tag = Object.prototype.toString.call(value).slice(8, -1)
    if (/Array|Buffer|^DataView|^Map|^Set|^Blob|^File/.test(tag)) {
      throw unsupported(
        `${tag} cannot stand inside JSON: send bytes as the whole payload (await blob.arrayBuffer() first), a Map as an array`,
      )
    }
  }
  if ("toJSON" in value) return
  for (const key in value) {
    const item: unknown = value[key as keyof typeof value]
    if (typeof item === "object") refuseWhatJsonMangles(item)
  }
}

function unsupported(message: string, cause?: unknown): EverwireError {
  return new EverwireError("payload-unsupported", message, { cause })
}
