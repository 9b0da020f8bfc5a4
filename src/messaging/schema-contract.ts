import type { Runtime } from "../session/runtime.ts"
import { EverwireError } from "../wire/errors.ts"
import { CheckedDispatch } from "./checked-dispatch.ts"
import type { Changed, Payload } from "./contract.ts"
import type { Dispatch } from "./dispatch.ts"
import type { DispatchHost } from "./dispatch-host.ts"
import { checkNames } from "./option-names.ts"
import { type Messages, type Requests, readMessages, readRequests } from "./read-schemas.ts"
import type { TypeOf } from "./schema.ts"
import { checkSaid, type SeatSchemas } from "./seat-schemas.ts"

/** The schemas of a contract, by name. A map that the application does not need is left out. */
export interface Schemas {
  /**
   * Name of the codec that carries the data, such as `msgpack`. Then what crosses may be of any type: the codec refuses at
   * run time what it cannot carry. A hub needs it among its `codecs`, a channel that checks needs it as its `codec`. Without
   * a name, what crosses has to be JSON or bytes, and the compiler refuses the rest.
   */
  readonly codec?: string | undefined
  /** Messages that the channel sends. */
  readonly up?: Messages | undefined
  /** Messages that the hub sends. */
  readonly down?: Messages | undefined
  /** Requests that the channel makes. */
  readonly requests?: Requests | undefined
  /** Requests that the hub makes. */
  readonly asks?: Requests | undefined
}

/** How the two ends use a contract with schemas. */
export interface Checking {
  /** A dispatch that checks what crosses. */
  dispatch<Context>(seat: Seat, runtime: Runtime, host: DispatchHost<Context>): Dispatch<Context>
  /** What is to be sent as this message of the hub. @throws EverwireError as {@link checkSaid} */
  fromHub(name: string, data: unknown): unknown
  /** Name of the codec that the contract asks for. Undefined if it asks for none. */
  readonly codec: string | undefined
}

type Seat = "hub" | "channel"

/** A contract with schemas, as a hub takes it. `C` is the hub's side of it. */
export interface HubContract<C> {
  /** Of types alone. */
  readonly "~types": { readonly hub: C }
  /** @internal */
  readonly dispatch: Checking["dispatch"]
  /** @internal */
  readonly fromHub: Checking["fromHub"]
  /** @internal */
  readonly codec: Checking["codec"]
}

/** A contract with schemas, as a channel takes it. `C` is the channel's side of it. */
export interface ChannelContract<C> {
  /** Of types alone. */
  readonly "~types": { readonly channel: C; readonly again: true }
  /** @internal */
  readonly dispatch: Checking["dispatch"]
}

/** The option that makes a hub or a channel check what crosses. */
export interface ContractOption<Made> {
  /**
   * A contract with schemas, which `contract` of `everwire/contract` makes. Default: none, and nothing is checked.
   *
   * A hub checks by it all that it hears and says. A channel does so too, where it is given one; but it brings the schemas
   * to the client, where the types alone bring nothing.
   */
  readonly contract?: Made | undefined
}

/** What {@link contract} makes. */
export interface SchemaContract<S> {
  readonly schemas: S
  /** Of types alone. */
  readonly "~types": { readonly hub: HubSide<S>; readonly channel: ChannelSide<S>; readonly again: Again<S> }
  /** @internal */
  readonly dispatch: Checking["dispatch"]
  /** @internal */
  readonly fromHub: Checking["fromHub"]
  /** @internal */
  readonly codec: Checking["codec"]
}

/** The contract that a channel has: `createChannel<ContractOf<typeof chat>>(url)`, with `import type` alone. */
export type ContractOf<Made extends { readonly "~types": { readonly channel: unknown } }> = Made["~types"]["channel"]

/**
 * The contract that a hub has: `Peer<HubContractOf<typeof chat>>`. What a schema gives may be of any type, like a `Date`: it
 * is made at the hub, and does not cross.
 */
export type HubContractOf<Made extends { readonly "~types": { readonly hub: unknown } }> = Made["~types"]["hub"]

/**
 * Makes a contract of schemas, by which a hub checks all that crosses, and a channel where it is asked to. Each end has the
 * types of it.
 *
 * What the channel says must fit the schema; the hub's handlers get what the schema makes of it. What the hub says must fit
 * too, and what the schema makes of it is sent.
 *
 * @throws EverwireError `misuse` on what is no schema, on a name that is none, and on a map or a part that does not exist.
 * @example
 * export const chat = contract({
 *   up: { say: z.object({ text: z.string().max(2000) }), typing: nothing },
 *   down: { said: z.object({ from: z.string(), text: z.string() }) },
 *   requests: {
 *     history: { input: z.object({ before: z.number() }), output: z.array(z.string()) },
 *     ask: { input: z.string(), items: z.string() },
 *   },
 * })
 */
export function contract<S extends Schemas>(schemas: S & Crossing<S>): SchemaContract<S> {
  return new OwnContract<S>(schemas)
}

class OwnContract<S extends Schemas> implements SchemaContract<S> {
  declare readonly "~types": SchemaContract<S>["~types"]
  readonly schemas: S
  readonly codec: string | undefined
  readonly #hub: SeatSchemas
  readonly #channel: SeatSchemas

  constructor(schemas: S) {
    if (typeof schemas !== "object")
      throw new EverwireError("misuse", `contract takes schemas; given: ${typeof schemas}`)
    checkNames(schemas, MAPS, "contract")
    this.schemas = schemas
    this.codec = schemas.codec
    const [up, down] = [readMessages(schemas.up), readMessages(schemas.down)]
    const [requests, asks] = [readRequests(schemas.requests), readRequests(schemas.asks)]
    this.#hub = { sendsOutput: true, said: down, heard: up, asked: asks, answered: requests }
    this.#channel = { sendsOutput: false, said: up, heard: down, asked: requests, answered: asks }
  }

  /** @throws EverwireError `misuse` where a channel has another codec than the contract names. */
  dispatch<Context>(seat: Seat, runtime: Runtime, host: DispatchHost<Context>): Dispatch<Context> {
    // A hub may take several codecs, and has checked already that this one is among them.
    if (seat === "channel" && this.codec !== undefined && (host.codec?.name ?? "json") !== this.codec) {
      throw new EverwireError("misuse", `the contract is for the codec "${this.codec}": give it to createChannel`)
    }
    return new CheckedDispatch(seat === "hub" ? this.#hub : this.#channel, runtime, host)
  }

  fromHub(name: string, data: unknown): unknown {
    return checkSaid(this.#hub, name, data)
  }
}

const MAPS = { codec: "string", up: "object", down: "object", requests: "object", asks: "object" } satisfies Record<
  keyof Schemas,
  string
>

type Side = "input" | "output"

/** What crosses: of what the channel says, what the schema takes; of what the hub says, what the schema gives. */
type ChannelSide<S> = {
  [Map in keyof S]: Map extends "codec"
    ? string // with it, `Contract` does not ask whether JSON could carry the data
    : Map extends "up"
      ? Data<S[Map], "input">
      : Map extends "down"
        ? Data<S[Map], "output">
        : Map extends "requests"
          ? Functions<S[Map], "input", "output">
          : Functions<S[Map], "output", "input">
}

/** What the hub's application has: what the schema gives of what came, and what the schema takes of what it says. */
type HubSide<S> = {
  [Map in keyof S | "~checked"]: Map extends "up"
    ? Data<S[Map & keyof S], "output">
    : Map extends "down"
      ? Data<S[Map & keyof S], "input">
      : Map extends "requests"
        ? Functions<S[Map & keyof S], "output", "input">
        : Map extends "asks"
          ? Functions<S[Map & keyof S], "input", "output">
          : true
}

type Data<Given, Of extends Side> = { [Name in keyof Given]: TypeOf<Given[Name], Of> }

type Functions<Given, In extends Side, Out extends Side> = {
  [Name in keyof Given]: undefined extends Part<Given[Name], "inputItems">
    ? undefined extends Part<Given[Name], "input">
      ? () => Reply<Given[Name], Out>
      : (data: TypeOf<Part<Given[Name], "input">, In>) => Reply<Given[Name], Out>
    : (
        data: TypeOf<Part<Given[Name], "input">, In>,
        input: AsyncIterable<TypeOf<Part<Given[Name], "inputItems">, In>>,
      ) => Reply<Given[Name], Out>
}

type Reply<Request, Out extends Side> =
  undefined extends Part<Request, "items">
    ? TypeOf<Part<Request, "output">, Out>
    : AsyncIterable<TypeOf<Part<Request, "items">, Out>>

type Part<Request, Name extends Side | "items" | "inputItems"> = Name extends keyof Request ? Request[Name] : undefined

/** What has to be true of schemas, beside being some: what crosses has to arrive as it left. */
type Crossing<S> = {
  [Map in keyof S]: Map extends "codec"
    ? string
    : Map extends "up"
      ? Fitting<S, S[Map], "input">
      : Map extends "down"
        ? Fitting<S, S[Map], "output">
        : Map extends "requests"
          ? { [Name in keyof S[Map]]: FittingParts<S, S[Map][Name], "input", "output"> }
          : Map extends "asks"
            ? { [Name in keyof S[Map]]: FittingParts<S, S[Map][Name], "output", "input"> }
            : "no map of a contract: those are up, down, requests and asks"
}

type Fitting<S, Given, Of extends Side> = { [Name in keyof Given]: Fits<S, TypeOf<Given[Name], Of>> }

type FittingParts<S, Request, In extends Side, Out extends Side> = {
  [Name in keyof Request]: Name extends "input" | "inputItems"
    ? Fits<S, TypeOf<Request[Name], In>>
    : Name extends "output" | "items"
      ? Fits<S, TypeOf<Request[Name], Out>>
      : "no part of a request: those are input, inputItems, output and items"
}

/** Only JSON is known here. What another codec cannot carry, it refuses at run time. */
type Fits<S, Data> = "codec" extends keyof S ? unknown : [Data] extends [Payload<Data>] ? unknown : Changed

/** Whether a channel can check what comes down: the schema has been applied to it at the hub, and would be once more. */
type Again<S> = true extends
  | MessagesChange<MapIn<S, "down">>
  | PartsChange<MapIn<S, "requests">, "output">
  | PartsChange<MapIn<S, "requests">, "items">
  | PartsChange<MapIn<S, "asks">, "input">
  | PartsChange<MapIn<S, "asks">, "inputItems">
  ? "a channel cannot check this contract: a schema of what comes down does not take what it gives"
  : true

type MapIn<S, Map extends keyof Schemas> = Map extends keyof S ? S[Map] : Record<never, never>

type MessagesChange<Given> = { [Name in keyof Given]: Changes<Given[Name]> }[keyof Given]

type PartsChange<Given, Name extends Side | "items" | "inputItems"> = {
  [N in keyof Given]: Changes<Part<Given[N], Name>>
}[keyof Given]

type Changes<S> = [TypeOf<S, "output">] extends [TypeOf<S, "input">] ? false : true
