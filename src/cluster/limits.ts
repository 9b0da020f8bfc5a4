import { EverwireError } from "../wire/errors.ts"

const NAME = /^[A-Za-z0-9_\-.:/=]{1,200}$/
const MAX_TTL_MS = 0x7fff_ffff
const MAX_VALUE_BYTES = 65_536

/** @throws EverwireError `misuse` if this is no name that every backplane can carry. */
export function checkName(what: string, name: string): void {
  if (typeof name === "string" && NAME.test(name)) return
  const shown = typeof name === "string" ? JSON.stringify(name.slice(0, 210)) : typeof name
  throw misuse(`the ${what} is ${shown}; it has 1 to 200 characters of A-Z a-z 0-9 _ - . : / =`)
}

/** @throws EverwireError `misuse` if a value cannot be stored. */
export function checkValue(value: string | undefined): void {
  if (value === undefined) return
  if (typeof value !== "string") throw misuse(`a value is a ${typeof value}; give a string`)
  // A character has at most three bytes in UTF-8, so most values need not be counted.
  if (value.length * 3 <= MAX_VALUE_BYTES) return
  const bytes = new TextEncoder().encode(value).length
  if (bytes > MAX_VALUE_BYTES) throw misuse(`a value has ${bytes} bytes; ${MAX_VALUE_BYTES} are allowed`)
}

/** @throws EverwireError `misuse` if this is no lifetime. */
export function checkTtl(ttlMs: number): void {
  if (ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return
  throw misuse(`ttlMs is ${ttlMs}; give milliseconds from 1 to ${MAX_TTL_MS}`)
}

/** @throws EverwireError `misuse` if a backplane is used after its `close`. */
export function checkOpen(isClosed: boolean): void {
  if (isClosed) throw misuse("this backplane is closed; make another one")
}

/** The error with which a promise of a backplane rejects. */
export function unavailable(reason: string, cause?: unknown): EverwireError {
  return new EverwireError("backplane-unavailable", reason, {
    retryable: true,
    ...(cause !== undefined && { cause }),
  })
}

function misuse(message: string): EverwireError {
  return new EverwireError("misuse", message)
}
