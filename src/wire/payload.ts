import { EverwireError, wordsOf } from "./errors.ts"

/** A payload on the wire: JSON text, bytes, or `""` for `undefined`. */
export type Body = string | Uint8Array

/**
 * Encodes what an application sends. `Uint8Array` and `ArrayBuffer` (of any realm) cross as bytes, `undefined` as
 * nothing, everything else as JSON (ECMA-404, by `JSON.stringify`).
 *
 * @throws EverwireError `payload-unsupported`, with the path of what JSON would change: see {@link faultIn}.
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
    if (tag === "[object ArrayBuffer]") return new Uint8Array(value as ArrayBuffer) // its tag says so
    json = JSON.stringify(value)
    fault = faultIn(value)
  } catch (error) {
    cause = error
    fault = faultIn(value, []) ?? unreadable(error)
  }
  if (!fault && json) return json
  // Of a long path its end tells more.
  throw new EverwireError("payload-unsupported", `data${fault?.slice(-200)}: send plain data, or bytes alone`, {
    cause,
  })
}

/** The inverse of {@link encodePayload}: `ArrayBuffer` arrives as `Uint8Array`. @throws SyntaxError on bad JSON. */
export function decodePayload(body: Body): unknown {
  if (typeof body !== "string") return body
  return body === "" ? undefined : JSON.parse(body)
}

/**
 * Looks for what `JSON.stringify` would change without a word. Plain objects, arrays, strings, booleans, `null` and
 * finite numbers cross as they are (-0 as 0); a property that is `undefined` is left out. What has a `toJSON` crosses as
 * that says, but for an invalid Date. An instance of any other class crosses as its own fields, and is refused where
 * there is more to it: it has getters, or no fields.
 *
 * Returns a path and what stands there, like `.at[2] is NaN`.
 *
 * @param above The objects that hold the value. When they are given, a throw and a cycle are faults with a path.
 * @param isSaid Whether the value is what a `toJSON` answered: JSON does not ask again.
 */
function faultIn(value: unknown, above?: readonly unknown[], isSaid = false): string | undefined {
  if (typeof value === "string" || typeof value === "boolean" || value === null || Number.isFinite(value))
    return undefined
  if (typeof value === "number" || value === undefined) return ` is ${value}`
  let step: string | number | undefined
  try {
    if (above?.includes(value)) return " is a cycle"
    const within = above && [...above, value]
    const { toJSON } = value as { toJSON?: unknown } // neither null nor undefined
    if (typeof toJSON === "function" && !isSaid && !ArrayBuffer.isView(value)) {
      const said: unknown = toJSON.call(value, "")
      return said === null && tagOf(value) === "[object Date]" ? " is an invalid Date" : faultIn(said, within, true)
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

/** Whether it is an instance of a class with more to it than JSON sees. (A plain object may be of another realm.) */
function hidesFields(value: object, prototype: unknown = Object.getPrototypeOf(value)): boolean {
  const next: unknown = prototype && Object.getPrototypeOf(prototype)
  if (!next) return false // it is the last of every object
  return (
    tagOf(value) !== "[object Object]" ||
    Object.keys(value).length === 0 ||
    Object.values(Object.getOwnPropertyDescriptors(prototype)).some(({ get }) => get) ||
    hidesFields(value, next)
  )
}

/** One step of a path, as JavaScript writes it. */
export function stepTo(key: string | number | undefined): string {
  if (key === undefined) return ""
  return /^[a-z_$][\w$]*$/i.test(`${key}`) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function unreadable(error: unknown): string {
  return ` is unreadable (${wordsOf(error)})`
}

/** What the language or the platform calls it, like `[object Map]`, whichever realm made it. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value)
}
