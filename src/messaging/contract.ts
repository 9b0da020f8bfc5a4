import type { RequestContext } from "./handlers.ts"
import type { ItemSource } from "./item-pump.ts"
import type { SendOptions } from "./send-options.ts"

/**
 * The types that an application declares once and both ends share: messages that the channel sends (`up`), messages
 * that the hub sends (`down`), requests that the channel makes (`requests`) and requests that the hub makes (`asks`). A
 * message is declared as a type of data under its name, a request as a function from data to reply. An application
 * declares only the maps that it needs. A reply that is an `AsyncIterable` is a stream; so is a second parameter, of what the
 * asker sends along.
 *
 * As a constraint (`C extends Contract<C>`) this type refuses maps with other names. It also refuses data and replies
 * that would not arrive unchanged, such as a `Date`: `docs/errors.md` says what a payload may hold. A contract for another
 * codec than JSON names it, `codec: "msgpack"`, and its data may be of any type: the codec refuses at run time what it
 * cannot carry.
 *
 * @example
 * interface Chat {
 *   up: { chat: { text: string }; typing: undefined }
 *   down: { chat: { from: string; text: string } }
 *   requests: { history(data: { before: number }): string[]; ask(prompt: string): AsyncIterable<string> }
 *   asks: { confirm(question: string): boolean }
 * }
 */
export type Contract<C = AnyContract> = {
  [Map in keyof C]: "~checked" extends keyof C
    ? C[Map] // the hub's side of a contract with schemas, which has been judged by what crosses: see `contract`
    : "codec" extends keyof C
      ? Map extends "codec"
        ? string
        : C[Map]
      : Map extends "up" | "down"
        ? Maps<C[Map], Payloads<C[Map]>>
        : Map extends "requests" | "asks"
          ? Maps<C[Map], Requests<C[Map]>>
          : "no map of a contract: those are up, down, requests and asks"
}

/** The contract of an application that declares none: any name and unknown data. */
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

/** The arguments after the name of a message: its data and its options. */
export type Said<Data> = Asked<Data, SendOptions>

/** The arguments after a name: data, which may be left out only if its type allows `undefined`, and options. */
export type Asked<Data, Options> = undefined extends Data
  ? [data?: Data, options?: Options]
  : [data: Data, options?: Options]

/** The data of a request. `undefined` if its function has no parameter. */
export type InputOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>> = MapOf<C, Map>[Name] extends (
  ...data: infer Data
) => unknown
  ? Data extends []
    ? undefined
    : Data[0]
  : unknown

/** An item of the input of a request. `never` if its function has no second parameter. Without a contract, anything. */
export type InputItemOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>> = AnyContract extends C
  ? unknown
  : MapOf<C, Map>[Name] extends (...data: infer Data) => unknown
    ? Data extends [unknown?, (infer Input)?]
      ? Input extends AsyncIterable<infer Item>
        ? Item
        : never
      : never
    : never

/** The reply to a request. */
export type OutputOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>> = MapOf<C, Map>[Name] extends (
  ...data: never
) => infer Reply
  ? Awaited<Reply>
  : unknown

/** The names of requests whose answer is a stream. Without a contract, any may be. */
export type StreamNameOf<C, Map extends "requests" | "asks"> = {
  [Name in NameOf<C, Map>]: OutputOf<C, Map, Name> extends infer Reply
    ? unknown extends Reply
      ? Name
      : Reply extends AsyncIterable<unknown>
        ? Name
        : never
    : never
}[NameOf<C, Map>]

/** The names of requests with one answer. */
export type RequestNameOf<C, Map extends "requests" | "asks"> = {
  [Name in NameOf<C, Map>]: OutputOf<C, Map, Name> extends infer Reply
    ? unknown extends Reply
      ? Name
      : Reply extends AsyncIterable<unknown>
        ? never
        : Name
    : never
}[NameOf<C, Map>]

/** An item of the stream that answers a request. */
export type ItemOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>> =
  OutputOf<C, Map, Name> extends AsyncIterable<infer Item> ? Item : unknown

/** What a handler may return for this type of reply. */
type Answer<Reply> =
  | (Reply extends AsyncIterable<infer Item> ? ItemSource<Item> | PromiseLike<ItemSource<Item>> : never)
  | Reply
  | PromiseLike<Reply>
  // A function that returns nothing answers with `undefined`.
  | (undefined extends Reply ? void | PromiseLike<void> : never)

/**
 * The handler of requests of this name. It is looked up by name in a mapped type. If the function were written with
 * types that depend on `Name`, the compiler would widen literals in its result: from `true` to `boolean`, for instance.
 */
export type HandlerOf<C, Map extends "requests" | "asks", Name extends NameOf<C, Map>, Source> = {
  [N in NameOf<C, Map>]: (
    data: InputOf<C, Map, N>,
    source: Source,
    request: RequestContext<InputItemOf<C, Map, N>>,
  ) => Answer<OutputOf<C, Map, N>>
}[Name]

/**
 * A type that makes the compiler tell channels of two contracts apart: by their methods alone it would not, because it
 * compares the parameters of methods in both directions. A channel whose contract has more fits where one with less is
 * wanted. A channel without a contract fits everywhere.
 */
export type Ability<C> = AnyContract extends C
  ? // biome-ignore lint/suspicious/noExplicitAny: nothing is promised, and nothing is asked
    any
  : {
      up: { [Name in NameOf<C, "up">]: (data: DataOf<C, "up", Name>) => void }
      down: { [Name in NameOf<C, "down">]: DataOf<C, "down", Name> }
      requests: {
        [Name in NameOf<C, "requests">]: (
          data: InputOf<C, "requests", Name>,
          input: InputItemOf<C, "requests", Name>,
        ) => OutputOf<C, "requests", Name>
      }
      asks: {
        [Name in NameOf<C, "asks">]: (
          handler: (data: InputOf<C, "asks", Name>, input: InputItemOf<C, "asks", Name>) => OutputOf<C, "asks", Name>,
        ) => void
      }
    }

/** One map of a contract. Has no names if the contract does not declare the map. */
type MapOf<C, Map> = Map extends keyof C ? NonNullable<C[Map]> : Record<never, never>

/**
 * A mapped type over something that is not an object would be that thing itself, so this gives an error text instead.
 */
type Maps<Given, Checked> =
  NonNullable<Given> extends object
    ? Checked
    : "a map of a contract is an object type, with a name for each message or request"

type Payloads<Messages> = { [Name in keyof Messages]: Payload<Messages[Name]> }

type Requests<Functions> = {
  [Name in keyof Functions]: Functions[Name] extends (...data: infer Data) => infer Reply
    ? Data extends [unknown?, AsyncIterable<unknown>?]
      ? [Given<Data>, Answered<Reply>] extends [Payloads<Given<Data>>, Payload<Answered<Reply>>]
        ? Functions[Name]
        : Changed
      : "a request takes one value at most, put several into an object; and an AsyncIterable, for items behind it"
    : "a request is a function from its data to its reply"
}

/** What crosses of the parameters of a request: of its input, the items. */
type Given<Data> = { [At in keyof Data]: At extends "1" ? Items<Data[At]> : Data[At] }

type Items<Input> = Input extends AsyncIterable<infer Item> ? Item : Input

/** What crosses of a reply: of a stream, its items. */
type Answered<Reply> = Reply extends AsyncIterable<infer Item> ? Item : Awaited<Reply>

/** What the compiler shows in place of a type that would not arrive unchanged. */
export type Changed = "JSON would change this on the way: docs/errors.md says what a payload may hold"

/** Bytes may be a whole payload, but not a part of one. */
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
          ? readonly Listed<Item>[] // the compiler evaluates this late, so a type may contain lists of itself
          : { [Key in keyof Data]: Json<Data[Key]> }
        : "stack" extends keyof Data // an Error has a `stack`; an object with only a name and a message is none
          ? Data extends Error
            ? Changed
            : { [Key in keyof Data]: Json<Data[Key]> }
          : { [Key in keyof Data]: Json<Data[Key]> }

/** Inside a list, JSON turns `undefined` into `null`, so such a list is refused. */
type Listed<Item> = unknown extends Item ? Item : undefined extends Item ? Changed : Json<Item>

/** Types that JSON would change. Other classes with methods are refused because functions are in this list. */
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
