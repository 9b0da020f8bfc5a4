import {
  type ComputedRef,
  computed,
  getCurrentInstance,
  type MaybeRefOrGetter,
  markRaw,
  onMounted,
  onScopeDispose,
  type ShallowRef,
  shallowRef,
  toValue,
  watch,
} from "vue"
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

/** The fields of a state as refs of their own, so that they can be taken apart. Functions stay functions. */
export type Refs<State> = {
  readonly [Field in keyof State]: State[Field] extends (...args: never) => unknown
    ? State[Field]
    : Readonly<ComputedRef<State[Field]>>
}

/** What `useRequest` and `useStream` give, as refs. */
export type AskingRefs<Data, Early = Data | undefined> = Refs<
  Pick<Asking<Data, Early>, "status" | "isPending" | "error" | "refetch"> & { readonly data: Data | Early }
>

/** What `useCall` gives, as refs. */
export type CallingRefs<Data, Args extends unknown[]> = Refs<
  Pick<Calling<Data, Args>, "status" | "isPending" | "error" | "call"> & { readonly data: Data | undefined }
>

/**
 * The value of a source, which is made anew when `key` gives something else. It is used from when the component is
 * mounted, which is never on a server, until its scope ends. Outside
 * of components, as in a store, it is used at once, but not on a server.
 */
function useSource<Value>(make: () => Source<Value>, key?: () => unknown): Readonly<ShallowRef<Value>> {
  let source = make()
  let stop: (() => void) | undefined
  // Shallow: Vue's proxies would break objects with private fields, as channels are.
  const value = shallowRef(source.initial)
  const show = (): void => {
    value.value = source.get()
  }
  const start = (): void => {
    stop = source.subscribe(show)
    show()
  }
  if (key) {
    watch(key, () => {
      const isMounted = stop !== undefined
      stop?.()
      source = make()
      if (isMounted) start()
      else show()
    })
  }
  if (getCurrentInstance()) onMounted(start)
  else if (typeof window !== "undefined") start()
  onScopeDispose(() => stop?.())
  return value
}

function refsOf(state: Readonly<ShallowRef<object>>): unknown {
  const now = (field: string): unknown => Reflect.get(state.value, field)
  return Object.fromEntries(
    Object.entries(state.value).map(([field, value]) => [
      field,
      // Another input has another source, with a function of its own.
      typeof value === "function"
        ? (...given: unknown[]) => (now(field) as (...given: unknown[]) => unknown)(...given)
        : computed(() => now(field)),
    ]),
  )
}

/** The channel, to send with. Undefined until the component is mounted, and on a server. */
export function useChannel<C extends Contract<C>>(
  shared: SharedChannel<C>,
): Readonly<ShallowRef<Channel<C> | undefined>> {
  const channel = useSource(() => channelSource(shared))
  // The source gives the channel of `shared`. Raw, because it has private fields and may be put into reactive objects.
  return computed(() => channel.value && markRaw(channel.value)) as unknown as Readonly<
    ShallowRef<Channel<C> | undefined>
  >
}

/** The status of the channel with its details, like `closing` and `retryInMs`. */
export function useStatus<C extends Contract<C>>(shared: SharedChannel<C>): Readonly<ShallowRef<ChannelState>> {
  return useSource(() => statusSource(shared))
}

/** The data of the newest message of this name. Undefined until one has come. */
export function useLatest<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
): Readonly<ShallowRef<DataOf<C, "down", N> | undefined>> {
  // As the contract says.
  return useSource(() => latestSource(shared, name)) as Readonly<ShallowRef<DataOf<C, "down", N> | undefined>>
}

/**
 * The data of the newest messages of this name, oldest first: those that came since the component was mounted, at most
 * `limit` (default 100).
 */
export function useMessages<C extends Contract<C>, N extends NameOf<C, "down">>(
  shared: SharedChannel<C>,
  name: N,
  options: ListOptions = {},
): Readonly<ShallowRef<readonly DataOf<C, "down", N>[]>> {
  // As the contract says.
  return useSource(() => messagesSource(shared, name, options)) as Readonly<ShallowRef<readonly DataOf<C, "down", N>[]>>
}

/**
 * Asks the hub when the component is mounted, and again when the input changes: it is compared by its JSON. The answer to an
 * earlier input is given up, and unmounting aborts the request.
 */
export function useRequest<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, options]: Asked<MaybeRefOrGetter<InputOf<C, "requests", N>>, MaybeRefOrGetter<AskOptions>>
): AskingRefs<OutputOf<C, "requests", N>> {
  const state = useSource(
    () => requestSource(shared, name, toValue(input as unknown), toValue(options as MaybeRefOrGetter<AskOptions>)),
    () => keyOf([toValue(input as unknown), toValue(options as unknown)]),
  )
  return refsOf(state) as AskingRefs<OutputOf<C, "requests", N>> // as the contract says
}

/**
 * Asks the hub for a stream, as `useRequest` asks for an answer. `data` are the items so far. Unmounting ends the stream, so
 * that the `finally` of a generator runs at the hub.
 */
export function useStream<C extends Contract<C>, N extends StreamNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
  ...[input, options]: Asked<MaybeRefOrGetter<InputOf<C, "requests", N>>, MaybeRefOrGetter<StreamListOptions>>
): AskingRefs<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]> {
  const state = useSource(
    () =>
      streamSource(shared, name, toValue(input as unknown), toValue(options as MaybeRefOrGetter<StreamListOptions>)),
    () => keyOf([toValue(input as unknown), toValue(options as unknown)]),
  )
  // As the contract says.
  return refsOf(state) as AskingRefs<readonly ItemOf<C, "requests", N>[], readonly ItemOf<C, "requests", N>[]>
}

/** A request that is sent by calling `call`, for a button. */
export function useCall<C extends Contract<C>, N extends RequestNameOf<C, "requests">>(
  shared: SharedChannel<C>,
  name: N,
): CallingRefs<
  OutputOf<C, "requests", N>,
  Asked<InputOf<C, "requests", N>, RequestOptions<InputItemOf<C, "requests", N>>>
> {
  return refsOf(useSource(() => callSource(shared, name))) as never // as the contract says
}
