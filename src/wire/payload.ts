import { EverwireError, wordsOf } from "./errors.ts"

/** An encoded payload: JSON text, bytes, or `""` for `undefined`. */
export type Body = string | Uint8Array

/**
 * Encodes the data of an application. `Uint8Array` and `ArrayBuffer` (of any realm) are sent as bytes, `undefined` as
 * an empty text, everything else as JSON (ECMA-404, by `JSON.stringify`).
 *
 * @throws EverwireError `payload-unsupported`, with the path of a value that JSON would change: see {@link faultIn}.
 */
export function encodePayload(value: unknown): Body {
  if (value === undefined) return ""
  let json: string | undefined
  let fault: string | undefined
  let cause: unknown
  try {
    const tag = tagOf(value)
    if (tag === "[object Uint8Array]" && ArrayBuffer.isView(value)) {
      return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    }
    if (tag === "[object ArrayBuffer]") return new Uint8Array(value as ArrayBuffer) // the tag proves the type
    json = JSON.stringify(value)
    fault = faultIn(value)
  } catch (error) {
    cause = error
    fault = faultIn(value, []) ?? unreadable(error)
  }
  if (!fault && json) return json
  // The end of a long path tells more than its beginning.
  throw new EverwireError("payload-unsupported", `data${fault?.slice(-200)}: send plain data, or bytes alone`, {
    cause,
  })
}

/**
 * The inverse of {@link encodePayload}, but an `ArrayBuffer` arrives as a `Uint8Array`. @throws SyntaxError on bad
 * JSON.
 */
export function decodePayload(body: Body): unknown {
  if (typeof body !== "string") return body
  return body === "" ? undefined : JSON.parse(body)
}

/**
 * Looks for a value that `JSON.stringify` would change without an error. Plain objects, arrays, strings, booleans,
 * `null` and finite numbers arrive as they are (-0 as 0). A property that is `undefined` is left out. An object with a
 * `toJSON` arrives as what that returns; only a Date is refused, because it would arrive as a text. An instance of any
 * other class arrives as its own fields, and is refused if it has getters or no fields, because then JSON would lose
 * something.
 *
 * Returns a path and what is there, such as `.at[2] is NaN`. Undefined if there is no such value.
 *
 * @param above The objects that contain the value. If they are given, an exception and a cycle are faults with a path.
 * @param isSaid Whether `toJSON` returned the value: JSON does not call it again on its result.
 */
function faultIn(value: unknown, above?: readonly unknown[], isSaid = false): string | undefined {
  if (typeof value === "string" || typeof value === "boolean" || value === null || Number.isFinite(value))
    return undefined
  if (typeof value === "number" || value === undefined) return ` is ${value}`
  let step: string | number | undefined
  try {
    if (above?.includes(value)) return " is a cycle"
    const within = above && [...above, value]
    const { toJSON } = value as { toJSON?: unknown } // `value` is neither null nor undefined
    if (typeof toJSON === "function" && !isSaid && !ArrayBuffer.isView(value)) {
      return tagOf(value) === "[object Date]" ? " is a Date" : faultIn(toJSON.call(value, ""), within, true)
    }
    if (Array.isArray(value)) {
      for (step = 0; step < value.length; step++) {
        const fault = faultIn(value[step], within)
        if (fault) return stepTo(step) + fault
      }
      return undefined
    }
    if (typeof value !== "object" || hidesFields(value)) {
      return ` is an instance of ${value.constructor?.name || tagOf(value)}`
    }
    for (step in value) {
      const item: unknown = value[step as keyof typeof value]
      const fault = item !== undefined && faultIn(item, within)
      if (fault && Object.hasOwn(value, step)) return stepTo(step) + fault
    }
  } catch (error) {
    if (!above) throw error
    return stepTo(step) + unreadable(error)
  }
  return undefined
}

/**
 * Whether an object is an instance of a class with more than JSON would keep. (A plain object may be of another realm.)
 */
export function hidesFields(value: object, prototype: unknown = Object.getPrototypeOf(value)): boolean {
  const next: unknown = prototype && Object.getPrototypeOf(prototype)
  if (!next) return false // `prototype` is that of all objects
  return (
    tagOf(value) !== "[object Object]" ||
    Object.keys(value).length === 0 ||
    Object.values(Object.getOwnPropertyDescriptors(prototype)).some(({ get }) => get) ||
    hidesFields(value, next)
  )
}

/** Returns one step of a path, as JavaScript writes it. */
export function stepTo(key: string | number | undefined): string {
  if (key === undefined) return ""
  return /^[a-z_$][\w$]*$/i.test(`${key}`) ? `.${key}` : `[${JSON.stringify(key)}]`
}

export function unreadable(error: unknown): string {
  return ` is unreadable (${wordsOf(error)})`
}

/** Returns the name that the language or platform gives a value, such as `[object Map]`, for values of any realm. */
export function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value)
}
