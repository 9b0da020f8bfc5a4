/**
 * A schema of any library that follows Standard Schema, version 1 (https://standardschema.dev): zod, valibot, arktype and
 * others. It takes an `Input` and makes an `Output` of it, which is often the same.
 */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1
    /** Name of the library. */
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    /** Of types alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema says of a value: the value that it made of it, or what is wrong. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  readonly message: string
  /** The keys that lead to it; absent for the value as a whole. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The type that a schema takes, or the one that it gives. `undefined` where there is no schema. */
export type TypeOf<S, Side extends "input" | "output"> =
  S extends Typed<infer Input, infer Output> ? (Side extends "input" ? Input : Output) : undefined

/** The part of a schema that has its types. To infer from more of it is too much for the compiler with some libraries. */
interface Typed<Input, Output> {
  readonly "~standard": { readonly types?: { readonly input: Input; readonly output: Output } | undefined }
}

/** The schema of what has no data: `typing: nothing`. It takes `undefined` alone. */
export const nothing: Schema<undefined> = {
  "~standard": {
    version: 1,
    vendor: "everwire",
    validate: (value) => (value === undefined ? { value } : { issues: [{ message: "nothing is expected" }] }),
  },
}
