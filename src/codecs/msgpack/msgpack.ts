import { decode, decodeTimestampExtension, Encoder, ExtensionCodec } from "@msgpack/msgpack"
import { text } from "../../wire/batch.ts"
import type { Codec } from "../../wire/codec.ts"
import { BIGINT, MAP, SET, TEXT, TIMESTAMP } from "./extensions.ts"
import { MAX_DEPTH, prepare } from "./prepare.ts"
import { checkObjects, scan } from "./scan.ts"

/**
 * Makes the codec `msgpack`: MessagePack (https://msgpack.org), by the package `@msgpack/msgpack`. It carries all that JSON
 * carries, and also `Date`, `Map`, `Set`, `bigint`, `NaN`, the infinities, and bytes anywhere in the data. All else throws
 * `payload-unsupported` with its path. More than 65,536 arrays, objects, bytes and extensions, and one more for each 8 bytes
 * of the payload, throw `too-large`, in `encode` and in `decode`; a `Map` or a `Set` counts twice.
 *
 * @example
 * const hub = createHub({ codecs: [json, msgpack()] })
 * const channel = createChannel("https://host/everwire", { codec: msgpack() })
 * channel.send("seen", { at: new Date(), ids: new Set([1n, 2n]) })
 */
export function msgpack(): Codec {
  return { name: "msgpack", encode: encodeValue, decode: decodeBytes }
}

function encodeValue(value: unknown): Uint8Array {
  const [prepared, objects] = prepare(value, write)
  const bytes = write(prepared)
  checkObjects(objects, bytes.length)
  return bytes
}

function write(prepared: unknown): Uint8Array {
  encoder ??= new Encoder(WRITING)
  const bytes = encoder.encode(prepared)
  if (bytes.length > KEPT_BYTES) encoder = undefined
  return bytes
}

/** It keeps its buffer, which is as large as the largest value so far, or twice that. */
let encoder: Encoder | undefined
/** After a larger value, in bytes, the next one gets a new encoder. */
const KEPT_BYTES = 16_384

function decodeBytes(bytes: Uint8Array, maxDepth = MAX_DEPTH): unknown {
  scan(bytes, Math.min(maxDepth, MAX_DEPTH))
  return read(bytes)
}

function read(bytes: Uint8Array): unknown {
  return decode(bytes, READING)
}

const extensionCodec = new ExtensionCodec()
/** `prepare` has made the extensions. The library need not ask for each object whether it is one. */
const encodeNothing = (): null => null

extensionCodec.register({ type: TIMESTAMP, encode: encodeNothing, decode: readDate })
extensionCodec.register({ type: BIGINT, encode: encodeNothing, decode: readBigint })
extensionCodec.register({ type: MAP, encode: encodeNothing, decode: readMap })
extensionCodec.register({ type: SET, encode: encodeNothing, decode: (bytes) => new Set(itemsOf(bytes)) })
extensionCodec.register({ type: TEXT, encode: encodeNothing, decode: readText })

const READING = { extensionCodec }
/** Its depth is bounded by `prepare`. */
const WRITING = { extensionCodec: new ExtensionCodec(), maxDepth: Number.POSITIVE_INFINITY }

function readDate(bytes: Uint8Array): Date {
  const date: unknown = decodeTimestampExtension(bytes)
  if (date instanceof Date && !Number.isNaN(Number(date))) return date
  throw new RangeError("a moment that no Date can hold")
}

function readBigint(bytes: Uint8Array): bigint {
  const [, sign, digits] = /^(-?)([0-9a-f]+)$/.exec(text(bytes)) ?? []
  const value = BigInt(`0x${digits}`) // throws on what are no digits
  return sign === "" ? value : -value
}

function readMap(bytes: Uint8Array): Map<unknown, unknown> {
  const items = itemsOf(bytes)
  if (items.length % 2 > 0) throw new RangeError("a Map with a key that has no value")
  const map = new Map<unknown, unknown>()
  for (let at = 0; at < items.length; at += 2) map.set(items[at], items[at + 1])
  return map
}

function itemsOf(bytes: Uint8Array): readonly unknown[] {
  const items: unknown = read(bytes)
  if (Array.isArray(items)) return items
  throw new TypeError("a Map or a Set whose content is no array")
}

function readText(bytes: Uint8Array): string {
  const value: unknown = JSON.parse(text(bytes))
  if (typeof value === "string") return value
  throw new TypeError("a text that is none")
}
