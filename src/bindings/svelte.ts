import { createSubscriber } from "svelte/reactivity"
import type { Channel } from "../client/channel.ts"
import type {
  Asked,
  Contract,
  DataOf,
  InputItemOf,
  InputOf,
  ItemOf,
  NameOf,
  OutputOf,
  RequestNameOf,
  StreamNameOf,
} from "../messaging/contract.ts"
import type { RequestOptions } from "../messaging/request-options.ts"
import {
  type Asking,
  type AskOptions,
  type Calling,
  callSource,
  requestSource,
  type StreamListOptions,
  streamSource,
} from "./asking.ts"
import { keyOf, readInput } from "./input.ts"
import type { ChannelState, SharedChannel } from "./shared-channel.ts"
import { channelSource, type ListOptions, latestSource, messagesSource, type Source, statusSource } from "./source.ts"

/** A value that templates and effects follow where they read `current`. */
export interface Current<Value> {
  readonly current: Value
}

/** A value, or a function that gives it. What the function reads is followed. */
export type MaybeGetter<Value> = Value | (() => Value)

/**
 * The value of a source, which is made anew when `key` gives something else. It is used while a template or an effect reads
 * it, which is never on a server.
 */
function useSource<Value>(make: () => Source<Value>, key: () => unknown = () => undefined): Current<Value> {
  const begin = () => {
    const source = make()
    return { source, follow: createSubscriber((changed) => source.subscribe(changed)) }
  }
  let lastKey = key()
  let used = begin()
  return {
    get current() {
      const now = key()
      if (now !== lastKey) used = begin()
      lastKey = now
      used.follow()
      return used.source.get()
    },
  }
}

/** The fields of a state as getters, each of which is followed where it is read. */
function fieldsOf(state: Current<object>, fields: readonly string[]): unknown {
  const all = {}
  for (const field of fields) {
    Object.defineProperty(all, field, { enumerable: true, get: () => Reflect.get(state.current, field) })
  }
  return all
}

const ASKING = ["status", "isPending", "data", "error", "refetch"]

/** The channel, to send with. Undefined until a mounted component reads it, and on a server. */
export function useChannel<C extends Contract<C>>(shared: SharedChannel<C>): Current<Channel<C> | undefined> {
  // The source gives the channel of `shared`.
  return useSource(() => channelSource(shared)) as Current<Channel<C> | undefined>
}

/** The status of the channel with its details, like `closing` and `retryInMs`. */
export function useStatus<C extends Contract<C>>(shared: SharedChannel<C>): Current<ChannelState> {
  return useSource(() => statusSource(shared))
}

/** The data of the newest message of this name. Undefined until one has come. */
export function useLatest<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
): Current<DataOf<C, "down", N> | undefined> {
  // As the contract says.
  return useSource(() => latestSource(shared, name)) as Current<DataOf<C, "down", N> | undefined>
}

/**
 * The data of the newest messages of this name, oldest first: those that came since it was first shown, at most `limit`
 * (default 100).
 */
export function useMessages<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
  options: ListOptions = {},
): Current<readonly DataOf<C, "down", N>[]> {
  // As the contract says.
  return useSource(() => messagesSource(shared, name, options)) as Current<readonly DataOf<C, "down", N>[]>
}

/**
 * Asks the hub when a mounted component reads it, and again when the input changes: it is compared by its JSON. The answer to
 * an earlier input is given up, and unmounting aborts the request.
 */
export function useRequest<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, options]: Asked<MaybeGetter<InputOf<C, "requests", N>>, MaybeGetter<AskOptions>>
): Asking<OutputOf<C, "requests", N>> {
  const state = useSource(
    () => requestSource(shared, name, readInput(input), readInput(options) as AskOptions | undefined),
    () => keyOf([readInput(input), readInput(options)]),
  )
  return fieldsOf(state, ASKING) as Asking<OutputOf<C, "requests", N>> // as the contract says
}

/**
 * Asks the hub for a stream, as `useRequest` asks for an answer. `data` are the items so far. Unmounting ends the stream, so
 * that the `finally` of a generator runs at the hub.
 */
export function useStream<C extends Contract<C>, N extends StreamNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, options]: Asked<MaybeGetter<InputOf<C, "requests", N>>, MaybeGetter<StreamListOptions>>
): Asking<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]> {
  const state = useSource(
    () => streamSource(shared, name, readInput(input), readInput(options) as StreamListOptions | undefined),
    () => keyOf([readInput(input), readInput(options)]),
  )
  // As the contract says.
  return fieldsOf(state, ASKING) as Asking<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]>
}

/** A request that is sent by calling `call`, for a button. */
export function useCall<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
): Calling<
  OutputOf<C, "requests", N>,
  Asked<InputOf<C, "requests", N>, RequestOptions<InputItemOf<C, "requests", N>>>
> {
  // As the contract says.
  return fieldsOf(
    useSource(() => callSource(shared, name)),
    ["status", "isPending", "data", "error", "call"],
  ) as never
}
