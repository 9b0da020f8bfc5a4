import { ExtData, encodeTimestampExtension } from "@msgpack/msgpack"
import { utf8 } from "../../wire/batch.ts"
import { EverwireError } from "../../wire/errors.ts"
import { hidesFields, stepTo, tagOf, unreadable } from "../../wire/payload.ts"
import { BIGINT, MAP, SET, TEXT, TIMESTAMP } from "./extensions.ts"

/** Most levels of values within values that are encoded or decoded. Each takes some of the call stack. */
export const MAX_DEPTH = 500

/**
 * Matches texts that do not arrive unchanged as UTF-8: half a surrogate pair has no bytes, and the library's decoder drops
 * a byte order mark at the beginning of a long text.
 */
const UNFIT = /^\ufeff|[\ud800-\udfff]/u

/** Writes a value that the library knows. */
type Write = (value: unknown) => Uint8Array

/** A step of a path: a key, an index, or text that stands in the path as it is. */
type Step = string | number | { readonly shown: string }

/**
 * Returns what the library is to write for a value: arrays and plain objects of what it knows, with extensions for all else
 * that msgpack can carry. And how many of them there are, as `scan` counts them.
 *
 * @param write Writes what was prepared of the content of a Map or a Set.
 * @throws EverwireError `payload-unsupported` with the path of what would not arrive as it is
 */
export function prepare(value: unknown, write: Write): [prepared: unknown, objects: number] {
  const preparation = new Preparation(write)
  try {
    return [preparation.of(value), preparation.objects]
  } catch (error) {
    const { fault, path } = preparation
    const shown = path.map((step) => (typeof step === "object" ? step.shown : stepTo(step))).join("")
    // The end of a long path tells more than its beginning.
    const where = (shown + (fault ?? unreadable(error))).slice(-200)
    throw new EverwireError("payload-unsupported", `data${where}: msgpack cannot carry that`, { cause: error })
  }
}

class Preparation {
  /** Where the preparation is; after an exception, where that was. */
  readonly path: Step[] = []
  /** For each step of the path, the object from which it leads. */
  readonly #above: object[] = []
  /** What is wrong there. Undefined after an exception of the application's code. */
  fault: string | undefined
  /** Values so far that are objects once they are decoded. */
  objects = 0
  readonly #write: Write

  constructor(write: Write) {
    this.#write = write
  }

  /** @param isSaid Whether `toJSON` returned the value: as in JSON, it is not called again on its result. */
  of(value: unknown, isSaid = false): unknown {
    switch (typeof value) {
      case "string":
        return UNFIT.test(value) ? this.#extension(TEXT, utf8(JSON.stringify(value))) : value
      case "number":
      case "boolean":
        return value
      case "bigint":
        return this.#extension(BIGINT, utf8(value.toString(16)))
      case "undefined":
        return this.#fail(" is undefined")
      case "object":
        return value === null ? null : this.#ofObject(value, isSaid)
      case "function":
      case "symbol":
        return this.#fail(` is an instance of ${tagOf(value).slice(8, -1)}`)
    }
  }

  #ofObject(value: object, isSaid: boolean): unknown {
    if (this.path.length >= MAX_DEPTH) this.#tooDeep()
    switch (tagOf(value)) {
      case "[object Date]":
        return this.#ofDate(value as Date) // the tag proves the type, in any realm
      case "[object Map]":
        return this.#extension(MAP, this.#write(this.#entries(value as ReadonlyMap<unknown, unknown>)))
      case "[object Set]":
        return this.#extension(SET, this.#write(this.#items(value, [...(value as ReadonlySet<unknown>)], ".values()")))
      case "[object Uint8Array]":
        this.objects++
        return value
      case "[object ArrayBuffer]":
        this.objects++
        return new Uint8Array(value as ArrayBuffer)
      default:
    }
    const { toJSON } = value as { toJSON?: unknown } // any object may have one
    if (typeof toJSON === "function" && !isSaid && !ArrayBuffer.isView(value))
      return this.of(toJSON.call(value, ""), true)
    if (Array.isArray(value)) return this.#items(value, value)
    if (hidesFields(value)) this.#fail(` is an instance of ${value.constructor?.name || tagOf(value)}`)
    return this.#fields(value as Readonly<Record<string, unknown>>) // it is a plain object, or sent as one
  }

  #extension(type: number, content: Uint8Array): ExtData {
    this.objects++
    return new ExtData(type, content)
  }

  #ofDate(date: Date): ExtData {
    const ms = Number(date)
    const bytes = Number.isNaN(ms) ? null : encodeTimestampExtension(new Date(ms)) // of this realm, which the library asks for
    return bytes === null ? this.#fail(" is an invalid Date") : this.#extension(TIMESTAMP, bytes)
  }

  #entries(map: ReadonlyMap<unknown, unknown>): unknown[] {
    const flat: unknown[] = []
    this.objects++
    for (const [key, item] of map) {
      const n = flat.length / 2
      flat.push(this.#at(map, { shown: `.keys()[${n}]` }, key), this.#at(map, { shown: `.values()[${n}]` }, item))
    }
    return flat
  }

  #items(of: object, items: readonly unknown[], shown?: string): unknown[] {
    this.objects++
    // Not `map`, which passes over holes.
    return Array.from(items, (item, n) => this.#at(of, shown === undefined ? n : { shown: `${shown}[${n}]` }, item))
  }

  /** Always a copy: the library reads each property twice, and a getter may answer differently. */
  #fields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const copy: Record<string, unknown> = {}
    this.objects++
    for (const key of Object.keys(fields)) {
      this.path.push(key)
      this.#above.push(fields)
      const item = fields[key]
      if (item !== undefined) {
        if (key === "__proto__" || UNFIT.test(key)) this.#fail(" has a name that does not arrive")
        copy[key] = this.of(item)
      }
      this.path.pop()
      this.#above.pop()
    }
    return copy
  }

  #at(of: object, step: Step, item: unknown): unknown {
    this.path.push(step)
    this.#above.push(of)
    const made = this.of(item)
    this.path.pop()
    this.#above.pop()
    return made
  }

  /** Most values that are nested so deep contain themselves. */
  #tooDeep(): never {
    const again = this.#above.findIndex((object, at) => this.#above.indexOf(object) < at)
    if (again < 0) this.#fail(` is nested deeper than ${MAX_DEPTH} levels`)
    this.path.splice(again)
    return this.#fail(" is a cycle")
  }

  #fail(fault: string): never {
    this.fault = fault
    throw new TypeError(fault)
  }
}
