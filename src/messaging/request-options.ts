import type { AbortSignalLike } from "./abort-signal.ts"
import type { ItemSource } from "./item-pump.ts"

/** Options of a request. */
export interface RequestOptions<Item = unknown> {
  /** How long to wait for the response, in milliseconds. Default 10 000. `Infinity` sets no limit. */
  readonly timeoutMs?: number | undefined
  /** Aborts the request when it fires. The other side is told. */
  readonly signal?: AbortSignalLike | undefined
  /**
   * Items that are sent along with the request: an async iterable, like an async generator, or a `ReadableStream`. It is asked
   * for the first one when the handler reads its `input`. It is ended, so that its `finally` runs, when the handler wants no
   * more, and when the request is settled.
   */
  readonly input?: ItemSource<Item> | undefined
}

/** The options for `checkNames`. */
export const REQUEST_OPTIONS = { timeoutMs: "number", signal: "addEventListener", input: "" } satisfies Record<
  keyof RequestOptions,
  string
>

/** Options of a request for a stream. */
export type StreamOptions<Item = unknown> = Pick<RequestOptions<Item>, "signal" | "input">

export const STREAM_OPTIONS = { signal: "addEventListener", input: "" } satisfies Record<keyof StreamOptions, string>
