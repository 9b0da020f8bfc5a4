import { isThenable } from "../session/thenable.ts"
import { stepTo } from "../wire/payload.ts"
import type { Schema, SchemaIssue, SchemaResult } from "./schema.ts"

/** What came of a value and a schema: the value that fits, where it does not fit, or what the schema threw. */
export type Verdict = { readonly value: unknown } | { readonly where: string } | { readonly thrown: unknown }

/** How many places are named. */
const MAX_PLACES = 3
/** How many characters of one place are shown. A key may come from anybody, and be of any length. */
const MAX_PLACE_LENGTH = 80

/** Asks the schema. It never throws, and its promise, where the schema is asynchronous, never rejects. */
export function judge(schema: Schema, value: unknown): Verdict | Promise<Verdict> {
  try {
    const result: unknown = schema["~standard"].validate(value)
    return isThenable(result) ? Promise.resolve(result).then(read).catch(blame) : read(result)
  } catch (error) {
    return blame(error)
  }
}

/** @throws TypeError on what is no result. */
function read(result: unknown): Verdict {
  const { issues, value } = result as Extract<SchemaResult<unknown>, { value: unknown }> & {
    issues?: readonly SchemaIssue[]
  } // what is none throws
  return issues ? { where: placesOf(issues) } : { value }
}

function blame(thrown: unknown): Verdict {
  return { thrown }
}

/**
 * Where the issues are: ` at .text, .items[2].price`. Nothing of what the library writes about them is shown, because some
 * libraries write the value.
 */
function placesOf(issues: readonly SchemaIssue[]): string {
  const places = new Set<string>()
  // An array that is wrong in every item has as many issues, and paths may be equal.
  for (const issue of issues.slice(0, 10 * MAX_PLACES)) {
    places.add(placeOf(issue))
    if (places.size > MAX_PLACES) break
  }
  places.delete("") // the value as a whole
  const shown = [...places].slice(0, MAX_PLACES).join(", ")
  if (shown === "") return ""
  return places.size > MAX_PLACES ? ` at ${shown} and elsewhere` : ` at ${shown}`
}

/** The path of an issue, as JavaScript writes it, in printable characters. */
function placeOf({ path = [] }: SchemaIssue): string {
  let place = ""
  for (const step of path) {
    const key = typeof step === "object" ? step.key : step
    place +=
      typeof key === "symbol" ? "[symbol]" : stepTo(typeof key === "string" ? key.slice(0, MAX_PLACE_LENGTH) : key)
    if (place.length > MAX_PLACE_LENGTH) return `${printable(place.slice(0, MAX_PLACE_LENGTH))}...`
  }
  return printable(place)
}

/** In ASCII, so that what somebody sent cannot forge a line of a log. */
export function printable(text: string): string {
  return text.replace(/[^ -~]/g, "?")
}
