import type { RequestOptions } from "../messaging/request-options.ts"
import type { EverwireError } from "../wire/errors.ts"
import { type AnyChannel, type AnyShared, checkLimit, type Source, sourceOf } from "./source.ts"

/**
 * Where a request or a stream stands. `Early` is the type of `data` before it has succeeded: of a stream, the items that have
 * come so far.
 */
export type AskState<Data, Early = Data | undefined> =
  | {
      readonly status: "idle" | "pending"
      readonly isPending: boolean
      readonly data: Early
      readonly error: undefined
    }
  | { readonly status: "success"; readonly isPending: false; readonly data: Data; readonly error: undefined }
  | {
      readonly status: "error"
      readonly isPending: false
      readonly data: Early
      /** What failed. The code may be one of the application's own. */
      readonly error: EverwireError<string>
    }

/** What `useRequest` and `useStream` give. */
export type Asking<Data, Early = Data | undefined> = AskState<Data, Early> & {
  /** Asks again with the same input, and gives up the answer that is waited for. Does nothing while unmounted. */
  readonly refetch: () => void
}

/** What `useCall` gives. `Args` are the input of the request and its options. */
export type Calling<Data, Args extends unknown[]> = AskState<Data> & {
  /**
   * Sends the request. The state follows the last call. A call is not aborted when its component goes, because what a person
   * has sent off should arrive: it keeps the channel open until it is answered. `signal` aborts it.
   */
  readonly call: (...data: Args) => Promise<Data>
}

/** Options of `useRequest`. */
export interface AskOptions {
  /** Whether to ask. Default `true`. With `false` the status is `idle`. */
  readonly enabled?: boolean | undefined
  /** How long to wait for the answer, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number | undefined
}

/** Options of `useStream`. */
export interface StreamListOptions {
  /** Whether to ask. Default `true`. With `false` the status is `idle`. */
  readonly enabled?: boolean | undefined
  /** How many of the newest items are kept, 1 or more. Default 10 000. */
  readonly limit?: number | undefined
}

type AnyAsking = Asking<unknown, unknown>
type AnyCalling = Calling<unknown, [data?: unknown, options?: RequestOptions]>

const failed = (error: unknown) => ({
  status: "error" as const,
  isPending: false as const,
  error: error as EverwireError<string>, // the channel rejects with nothing else
})

/** Asks while somebody subscribes; `ask` resolves with the data, and may tell of data before. */
function askingSource(
  shared: unknown,
  early: unknown,
  enabled: boolean,
  ask: (channel: AnyChannel, signal: AbortSignal, tell: (data: unknown) => void) => Promise<unknown>,
): Source<AnyAsking> {
  let again = (): void => {}
  const refetch = (): void => again()
  const state = { isPending: enabled, error: undefined, refetch }
  const initial: AnyAsking = { ...state, status: enabled ? "pending" : "idle", data: early }
  return sourceOf<AnyAsking>(shared, initial, (channel, set, get) => {
    if (!enabled) return undefined
    let controller = new AbortController()
    again = () => {
      controller.abort()
      controller = new AbortController()
      const { signal } = controller
      const tell = (next: AnyAsking): void => {
        if (!signal.aborted) set(next)
      }
      if (get().status !== "pending") set({ ...state, status: "pending", data: get().data })
      ask(channel, signal, (data) => tell({ ...state, status: "pending", data })).then(
        (data) => tell({ ...state, status: "success", isPending: false, data }),
        (error: unknown) => tell({ ...failed(error), data: get().data, refetch }),
      )
    }
    again()
    return () => {
      again = () => {}
      controller.abort()
    }
  })
}

export function requestSource(
  shared: unknown,
  name: string,
  input: unknown,
  { enabled = true, timeoutMs }: AskOptions = {},
): Source<AnyAsking> {
  return askingSource(shared, undefined, enabled, (channel, signal) =>
    channel.request(name, input, { signal, timeoutMs }),
  )
}

export function streamSource(
  shared: unknown,
  name: string,
  input: unknown,
  { enabled = true, limit = 10_000 }: StreamListOptions = {},
): Source<AnyAsking> {
  checkLimit(limit)
  return askingSource(shared, [], enabled, async (channel, signal, tell) => {
    let items: readonly unknown[] = []
    for await (const item of channel.stream(name, input, { signal })) {
      items = [...items, item].slice(-limit)
      tell(items)
    }
    return items
  })
}

export function callSource(shared: unknown, name: string): Source<AnyCalling> {
  /** Sets the state; nobody sees it while the component is not mounted. */
  let show = (_: AnyCalling): void => {}
  let last = 0
  let data: unknown
  const call = (input?: unknown, options?: RequestOptions): Promise<unknown> => {
    const number = ++last
    const tell = (next: AnyCalling): void => {
      if (number === last) show(next)
    }
    let answer: Promise<unknown> | undefined
    const release = (shared as AnyShared).use((channel) => {
      // checked by `sourceOf`
      answer ??= channel.request(name, input, options)
      return undefined
    })
    tell({ status: "pending", isPending: true, data, error: undefined, call })
    void answer
      ?.then(
        (got) => {
          if (number === last) data = got
          tell({ status: "success", isPending: false, data: got, error: undefined, call })
        },
        (error: unknown) => tell({ ...failed(error), data, call }),
      )
      .finally(release)
    return Promise.resolve(answer)
  }
  return sourceOf<AnyCalling>(shared, { status: "idle", isPending: false, data, error: undefined, call }, (_, set) => {
    show = set
    return () => {
      show = () => {}
    }
  })
}
