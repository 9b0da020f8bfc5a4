import { EverwireError } from "../../wire/errors.ts"
import { BIGINT, MAP, SET, TEXT, TIMESTAMP } from "./extensions.ts"

/** So many objects are in a payload of any size, and one more for each so many of its bytes. */
const OBJECTS = 65_536
const BYTES_FOR_ONE_MORE = 8

/**
 * Refuses a payload with very many values that are objects once they are decoded: arrays, maps, bytes and extensions (a
 * `Map` or a `Set` counts twice). An empty list is one byte and takes far longer to decode than a byte of text,
 * so a megabyte of them would hold up everybody else's messages.
 *
 * @throws EverwireError `too-large`
 */
export function checkObjects(count: number, bytes: number): void {
  const most = OBJECTS + Math.floor(bytes / BYTES_FOR_ONE_MORE)
  if (count <= most) return
  throw new EverwireError("too-large", `a payload of more than ${most} arrays, objects and extensions`)
}

/** Thrown for bytes that are not MessagePack, or that the codec does not make. */
class Malformed extends Error {}

/**
 * Reads the structure of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) without making a value of it.
 * The library makes an array of the length that its header says before it reads an item, so a few bytes could make it use
 * all memory. It would also make objects of its own of unknown extensions, and round large integers.
 *
 * @throws EverwireError `too-large` if values are nested deeper than `maxDepth`, or by {@link checkObjects}
 * @throws Error on anything else that `decode` must not see
 */
export function scan(bytes: Uint8Array, maxDepth: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  /** How many values still come on each level; and the end and the depth of what it is in. */
  const levels: { left: number; readonly end: number; readonly depth: number }[] = []
  let level: (typeof levels)[number] | undefined
  let depth = 0
  let end = bytes.length
  let at = 0
  let objects = 0

  /** Returns where the next so many bytes begin. */
  function take(length: number): number {
    at += length
    if (at > end) throw new Malformed("it is cut short")
    return at - length
  }
  /** Reads an unsigned integer of 1, 2 or 4 bytes. */
  function count(size: number): number {
    const from = take(size)
    return size === 1 ? view.getUint8(from) : size === 2 ? view.getUint16(from) : view.getUint32(from)
  }
  function object(): void {
    checkObjects(++objects, bytes.length)
  }
  function open(values: number): void {
    object()
    if (values > end - at) throw new Malformed("it has fewer bytes than values")
    if (depth >= maxDepth)
      throw new EverwireError("too-large", `a payload that is nested deeper than ${maxDepth} levels`)
    enter(values)
    depth++
  }
  function enter(values: number): void {
    level = { left: values, end, depth }
    levels.push(level)
  }
  function extension(size: number): void {
    object()
    const type = view.getInt8(take(1))
    // Its content is one array, which fills it.
    if (type === MAP || type === SET) {
      const to = at + size
      if (to > end) throw new Malformed("it is cut short")
      enter(1)
      end = to
      return
    }
    if (type !== BIGINT && type !== TEXT && type !== TIMESTAMP) throw new Malformed("an unknown extension")
    take(size)
  }
  /** Integers that a number cannot hold would be rounded. */
  function wide(high: number): void {
    take(8)
    if (high >= 0x20_0000 || high < -0x20_0000) throw new Malformed("an integer of more than 53 bits")
  }
  function value(): void {
    const head = view.getUint8(take(1))
    if (head < 0x80 || head >= 0xe0) return // a small integer
    if (head < 0x90) return open(2 * (head & 0xf))
    if (head < 0xa0) return open(head & 0xf)
    if (head < 0xc0) return void take(head & 0x1f)
    switch (head) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return
      case 0xc4: // bin
      case 0xc5:
      case 0xc6:
        object()
        return void take(count(2 ** (head - 0xc4)))
      case 0xc7: // ext
      case 0xc8:
      case 0xc9:
        return extension(count(2 ** (head - 0xc7)))
      case 0xca: // float
      case 0xcb:
        return void take(head === 0xca ? 4 : 8)
      case 0xcc: // uint
      case 0xcd:
      case 0xce:
        return void take(2 ** (head - 0xcc))
      case 0xcf:
        return wide(at + 4 > end ? 0 : view.getUint32(at))
      case 0xd0: // int
      case 0xd1:
      case 0xd2:
        return void take(2 ** (head - 0xd0))
      case 0xd3:
        return wide(at + 4 > end ? 0 : view.getInt32(at))
      case 0xd4: // fixext
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return extension(2 ** (head - 0xd4))
      case 0xd9: // str
      case 0xda:
      case 0xdb:
        return void take(count(2 ** (head - 0xd9)))
      case 0xdc: // array
      case 0xdd:
        return open(count(head === 0xdc ? 2 : 4))
      case 0xde: // map
      case 0xdf:
        return open(2 * count(head === 0xde ? 2 : 4))
      default:
        throw new Malformed("a byte that begins nothing")
    }
  }

  value()
  while (level !== undefined) {
    if (level.left > 0) {
      level.left--
      value()
      continue
    }
    // An extension is left where it ends.
    if (end !== level.end && at !== end) throw new Malformed("an extension with something behind its content")
    ;({ end, depth } = level)
    levels.pop()
    level = levels.at(-1)
  }
  if (at !== end) throw new Malformed("something behind the value")
}
