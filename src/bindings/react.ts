import { useMemo, useSyncExternalStore } from "react"
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
import { keyOf } from "./input.ts"
import type { ChannelState, SharedChannel } from "./shared-channel.ts"
import { channelSource, type ListOptions, latestSource, messagesSource, type Source, statusSource } from "./source.ts"

/** The value of a source, which is made anew when `deps` change. */
function useSource<Value>(make: () => Source<Value>, deps: readonly unknown[]): Value {
  // biome-ignore lint/correctness/useExhaustiveDependencies: each caller lists what its `make` uses
  const source = useMemo(make, deps)
  return useSyncExternalStore(source.subscribe, source.get, () => source.initial)
}

/** The channel, to send with. Undefined until the component is mounted, and on a server. */
export function useChannel<C extends Contract<C>>(shared: SharedChannel<C>): Channel<C> | undefined {
  // The source gives the channel of `shared`.
  return useSource(() => channelSource(shared), [shared]) as Channel<C> | undefined
}

/** The status of the channel with its details, like `closing` and `retryInMs`. */
export function useStatus<C extends Contract<C>>(shared: SharedChannel<C>): ChannelState {
  return useSource(() => statusSource(shared), [shared])
}

/** The data of the newest message of this name. Undefined until one has come. */
export function useLatest<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
): DataOf<C, "down", N> | undefined {
  // As the contract says.
  return useSource(() => latestSource(shared, name), [shared, name]) as DataOf<C, "down", N> | undefined
}

/**
 * The data of the newest messages of this name, oldest first: those that came since the component was mounted, at most
 * `limit` (default 100).
 */
export function useMessages<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
  options: ListOptions = {},
): readonly DataOf<C, "down", N>[] {
  const { limit } = options
  // As the contract says.
  return useSource(() => messagesSource(shared, name, { limit }), [shared, name, limit]) as readonly DataOf<
    C,
    "down",
    N
  >[]
}

/**
 * Asks the hub when the component is mounted, and again when the input changes: it is compared by its JSON. The answer to an
 * earlier input is given up, and unmounting aborts the request.
 */
export function useRequest<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, { enabled, timeoutMs } = {}]: Asked<InputOf<C, "requests", N>, AskOptions>
): Asking<OutputOf<C, "requests", N>> {
  return useSource(
    () => requestSource(shared, name, input, { enabled, timeoutMs }),
    [shared, name, keyOf(input), enabled, timeoutMs],
  ) as Asking<OutputOf<C, "requests", N>> // as the contract says
}

/**
 * Asks the hub for a stream, as `useRequest` asks for an answer. `data` are the items so far. Unmounting ends the stream, so
 * that the `finally` of a generator runs at the hub.
 */
export function useStream<C extends Contract<C>, N extends StreamNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, { enabled, limit } = {}]: Asked<InputOf<C, "requests", N>, StreamListOptions>
): Asking<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]> {
  return useSource(
    () => streamSource(shared, name, input, { enabled, limit }),
    [shared, name, keyOf(input), enabled, limit],
    // as the contract says
  ) as Asking<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]>
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
  return useSource(() => callSource(shared, name), [shared, name]) as never
}
