/**
 * What an application declares once and both ends share: messages that the channel sends (`up`), messages that the hub
 * sends (`down`), requests that the channel makes (`requests`) and requests that the hub makes (`asks`). Messages are
 * types of data by name, requests are functions from data to reply. An application declares the maps that it needs.
 *
 * As a constraint (`C extends Contract<C>`) it refuses other maps, and data or replies that would not arrive as they
 * left, like a `Date`: `docs/errors.md` says what a payload may hold.
 *
 * @example
 * interface Chat {
 *   up: { chat: { text: string }; typing: undefined }
 *   down: { chat: { from: string; text: string } }
 *   requests: { history(data: { before: number }): string[] }
 *   asks: { confirm(question: string): boolean }
 * }
 */
export type Contract<C = AnyContract> = {
  [Map in keyof C]: "~checked" extends keyof C
    ? C[Map] // the hub's side of a contract with schemas, which has been judged by what crosses: see `contract`
    : Map extends "up" | "down"
      ? Maps<C[Map], Payloads<C[Map]>>
      : Map extends "requests" | "asks"
        ? Maps<C[Map], Requests<C[Map]>>
        : "no map of a contract: those are up, down, requests and asks"
}

/** The contract of an application that declares none: any name, unknown data. */
export interface AnyContract {
  up: Record<string, unknown>
  down: Record<string, unknown>
  requests: Record<string, (data: unknown) => unknown>
  asks: Record<string, (data: unknown) => unknown>
}

/** The names in one map of a contract. */
export type NameOf<C, Map extends keyof AnyContract> = keyof MapOf<C, Map> & string

/** The data of a message. */
export type DataOf<C, Map extends "up" | "down", Name extends NameOf<C, Map>> = MapOf<C, Map>[Name]

/** What is given beside the name of a message: its data, which can be left out only where that may be `undefined`. */
export type Said<Data> = undefined extends Data ? [data?: Data] : [data: Data]

/** The same for a request, with its options. */
export type Asked<Data, Options> = undefined extends Data
  ? [data?: Data, options?: Options]
  : [data: Data, options?: Options]

/** What a request takes; `undefined` where its function has no parameter. */
export type InputOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>> = MapOf<C, Map>[Name] extends (
  ...data: infer Data
) => unknown
  ? Data extends []
    ? undefined
    : Data[0]
  : unknown

/** What a request is answered with. */
export type OutputOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>> = MapOf<C, Map>[Name] extends (
  ...data: never
) => infer Reply
  ? Awaited<Reply>
  : unknown

/** What a handler of requests may return for this reply. */
type Answer<Reply> =
  | Reply
  | PromiseLike<Reply>
  // A function that returns nothing answers `undefined`.
  | (undefined extends Reply ? void | PromiseLike<void> : never)

/**
 * What answers the requests of this name. A function that is looked up by name, because in one that is put together of types
 * that depend on the name the compiler widens the literals of what is returned: `{ ok: true }` to `{ ok: boolean }`.
 */
export type HandlerOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>, Source, Context> = {
  [N in NameOf<C, Map>]: (data: InputOf<C, Map, N>, source: Source, request: Context) => Answer<OutputOf<C, Map, N>>
}[Name]

/**
 * What a channel with this contract can do, so that the compiler tells two contracts apart: it would compare the parameters
 * of methods in either direction. A channel that can do more is one that can do less; without a contract it is any.
 */
export type Ability<C> = AnyContract extends C
  ? // biome-ignore lint/suspicious/noExplicitAny: nothing is promised, and nothing is asked
    any
  : {
      up: { [Name in NameOf<C, "up">]: (data: DataOf<C, "up", Name>) => void }
      down: { [Name in NameOf<C, "down">]: DataOf<C, "down", Name> }
      requests: {
        [Name in NameOf<C, "requests">]: (data: InputOf<C, "requests", Name>) => OutputOf<C, "requests", Name>
      }
      asks: {
        [Name in NameOf<C, "asks">]: (handler: (data: InputOf<C, "asks", Name>) => OutputOf<C, "asks", Name>) => void
      }
    }

/** One map of a contract; without names where the contract does not declare it. */
type MapOf<C, Map> = Map extends keyof C ? NonNullable<C[Map]> : Record<never, never>

/** A mapped type over anything but an object is that itself. */
type Maps<Given, Checked> =
  NonNullable<Given> extends object
    ? Checked
    : "a map of a contract is an object type, with a name for each message or request"

type Payloads<Messages> = { [Name in keyof Messages]: Payload<Messages[Name]> }

type Requests<Functions> = {
  [Name in keyof Functions]: Functions[Name] extends (...data: infer Data) => infer Reply
    ? Data extends [unknown?]
      ? [Data, Awaited<Reply>] extends [Payloads<Data>, Payload<Awaited<Reply>>]
        ? Functions[Name]
        : Changed
      : "a request takes one value at most: put several into an object"
    : "a request is a function from its data to its reply"
}

/** What the compiler shows in the place of a type that cannot cross. */
export type Changed = "JSON would change this on the way: docs/errors.md says what a payload may hold"

/** Bytes are a payload alone, not inside of another. */
export type Payload<Data> = unknown extends Data
  ? Data
  : Data extends ArrayBufferView
    ? Data extends Uint8Array
      ? Data
      : Changed
    : Data extends ArrayBuffer
      ? Data
      : Json<Data>

type Json<Data> = unknown extends Data
  ? Data
  : // biome-ignore lint/suspicious/noConfusingVoidType: what a request promises that answers nothing
    Data extends string | number | boolean | null | undefined | void
    ? Data
    : Data extends NoJson
      ? Changed
      : Data extends readonly (infer Item)[]
        ? number extends Data["length"]
          ? readonly Listed<Item>[] // the compiler puts this off, so a type may hold lists of itself
          : { [Key in keyof Data]: Json<Data[Key]> }
        : "stack" extends keyof Data // an Error: what has merely a name and a message is none
          ? Data extends Error
            ? Changed
            : { [Key in keyof Data]: Json<Data[Key]> }
          : { [Key in keyof Data]: Json<Data[Key]> }

/** In a list, JSON makes `null` of `undefined`. */
type Listed<Item> = unknown extends Item ? Item : undefined extends Item ? Changed : Json<Item>

/** What has other methods falls under functions. */
type NoJson =
  | bigint
  | symbol
  | Date
  | RegExp
  | ReadonlyMap<never, unknown>
  | ReadonlySet<unknown>
  | ArrayBuffer
  | ArrayBufferView
  | ((...data: never) => unknown)
