/**
 * `everwire/msgpack`: the codec for payloads that JSON cannot carry.
 *
 * @module
 */
export { msgpack } from "./codecs/msgpack/msgpack.ts"
export type { Codec } from "./wire/codec.ts"
