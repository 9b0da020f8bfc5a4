import { type Accessor, createEffect, createMemo, createSignal, on, onCleanup } from "solid-js"
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

/** A value, or an accessor of it. */
export type MaybeAccessor<Value> = Value | Accessor<Value>

/**
 * The value of a source, which is made anew when `key` gives something else. It is used from when the component is
 * mounted, which is never on a server, until its owner is disposed of.
 */
function useSource<Value>(make: () => Source<Value>, key: () => unknown = () => undefined): Accessor<Value> {
  const [value, setValue] = createSignal(make().initial)
  // Effects do not run on a server.
  createEffect(
    on(createMemo(key), () => {
      const source = make()
      const show = (): void => void setValue(() => source.get())
      onCleanup(source.subscribe(show))
      show()
    }),
  )
  return value
}

/** The fields of a state as getters, each of which is tracked. */
function fieldsOf(state: Accessor<object>): unknown {
  const fields = {}
  for (const field of Object.keys(state())) {
    Object.defineProperty(fields, field, { enumerable: true, get: createMemo(() => Reflect.get(state(), field)) })
  }
  return fields
}

/** The channel, to send with. Undefined until the component is mounted, and on a server. */
export function useChannel<C extends Contract<C>>(shared: SharedChannel<C>): Accessor<Channel<C> | undefined> {
  // The source gives the channel of `shared`.
  return useSource(() => channelSource(shared)) as Accessor<Channel<C> | undefined>
}

/** The status of the channel with its details, like `closing` and `retryInMs`. */
export function useStatus<C extends Contract<C>>(shared: SharedChannel<C>): Accessor<ChannelState> {
  return useSource(() => statusSource(shared))
}

/** The data of the newest message of this name. Undefined until one has come. */
export function useLatest<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
): Accessor<DataOf<C, "down", N> | undefined> {
  // As the contract says.
  return useSource(() => latestSource(shared, name)) as Accessor<DataOf<C, "down", N> | undefined>
}

/**
 * The data of the newest messages of this name, oldest first: those that came since the component was mounted, at most
 * `limit` (default 100).
 */
export function useMessages<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
  options: ListOptions = {},
): Accessor<readonly DataOf<C, "down", N>[]> {
  // As the contract says.
  return useSource(() => messagesSource(shared, name, options)) as Accessor<readonly DataOf<C, "down", N>[]>
}

/**
 * Asks the hub when the component is mounted, and again when the input changes: it is compared by its JSON. The answer to an
 * earlier input is given up, and unmounting aborts the request. Each field of what it returns is tracked.
 */
export function useRequest<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, options]: Asked<MaybeAccessor<InputOf<C, "requests", N>>, MaybeAccessor<AskOptions>>
): Asking<OutputOf<C, "requests", N>> {
  const state = useSource(
    () => requestSource(shared, name, readInput(input), readInput(options) as AskOptions | undefined),
    () => keyOf([readInput(input), readInput(options)]),
  )
  return fieldsOf(state) as Asking<OutputOf<C, "requests", N>> // as the contract says
}

/**
 * Asks the hub for a stream, as `useRequest` asks for an answer. `data` are the items so far. Unmounting ends the stream, so
 * that the `finally` of a generator runs at the hub.
 */
export function useStream<C extends Contract<C>, N extends StreamNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, options]: Asked<MaybeAccessor<InputOf<C, "requests", N>>, MaybeAccessor<StreamListOptions>>
): Asking<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]> {
  const state = useSource(
    () => streamSource(shared, name, readInput(input), readInput(options) as StreamListOptions | undefined),
    () => keyOf([readInput(input), readInput(options)]),
  )
  // As the contract says.
  return fieldsOf(state) as Asking<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]>
}

/** A request that is sent by calling `call`, for a button. */
export function useCall<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
): Calling<
  OutputOf<C, "requests", N>,
  Asked<InputOf<C, "requests", N>, RequestOptions<InputItemOf<C, "requests", N>>>
> {
  return fieldsOf(useSource(() => callSource(shared, name))) as never // as the contract says
}
