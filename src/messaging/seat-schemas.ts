import { isThenable } from "../session/thenable.ts"
import { EverwireError } from "../wire/errors.ts"
import { type RequestFailure, told } from "./failure.ts"
import { judge, printable, type Verdict } from "./judge.ts"
import { isReserved } from "./reserved.ts"
import type { Schema } from "./schema.ts"

/** The schemas of one request. */
export interface RequestSchemas {
  readonly input: Schema
  /** The schema of each item of its input. */
  readonly inputItems: Schema
  readonly output: Schema
  /** The schema of each item. Undefined if the request has one answer. */
  readonly items: Schema | undefined
}

/** The schemas of one end, by name. They are in Maps, never in objects: a message called `constructor` is a message. */
export interface SeatSchemas {
  /** What the hub says is what the schema made of it. The channel sends what it was given: the hub applies the schema. */
  readonly sendsOutput: boolean
  /** Messages that this end says. */
  readonly said: ReadonlyMap<string, Schema>
  /** Messages that it hears. */
  readonly heard: ReadonlyMap<string, Schema>
  /** Requests that it makes. */
  readonly asked: ReadonlyMap<string, RequestSchemas>
  /** Requests that it answers. */
  readonly answered: ReadonlyMap<string, RequestSchemas>
}

/**
 * What is to be sent as this message.
 *
 * @throws EverwireError `payload-invalid`; `misuse` on a name that the contract does not have, and where the schema throws
 * or is asynchronous
 */
export function checkSaid({ said, sendsOutput }: SeatSchemas, name: string, data: unknown): unknown {
  if (isReserved(name)) return data
  const schema = said.get(name)
  if (schema === undefined) throw unknownName("message", name)
  const verdict = judge(schema, data)
  if (isThenable(verdict)) throw asynchronous(name)
  const value = taken(verdict, quoted(name))
  return sendsOutput ? value : data
}

/** The value that fits. @throws EverwireError where there is none. */
export function taken(verdict: Verdict, what: string): unknown {
  if ("value" in verdict) return verdict.value
  if ("where" in verdict) throw unfit(what, verdict.where)
  throw new EverwireError("misuse", `the schema of ${what} has thrown`, { cause: verdict.thrown })
}

export function unfit(what: string, where: string): EverwireError {
  return new EverwireError("payload-invalid", `${what} does not fit the contract${where}`)
}

export function unknownName(kind: string, name: string): EverwireError {
  return new EverwireError("misuse", `the contract has no ${kind} ${quoted(name)} to send from here`)
}

export function asynchronous(name: string): EverwireError {
  return new EverwireError(
    "misuse",
    `the schema of ${quoted(name)} is asynchronous: messages keep their order and cannot wait for it, make it a request`,
  )
}

/** What the asker is told where nothing more is its business. */
export function failed(): RequestFailure {
  return told(new EverwireError("request-failed", "the handler failed"))
}

export function answerTo(name: string): string {
  return `the answer to ${quoted(name)}`
}

/** A name may come from anybody. It is short, as every name. */
export function quoted(name: unknown): string {
  return `"${printable(String(name))}"`
}
