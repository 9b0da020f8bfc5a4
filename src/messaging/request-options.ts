import type { AbortSignalLike } from "./abort-signal.ts"

/** Options of a request. */
export interface RequestOptions {
  /** How long to wait for the response, in milliseconds. Default 10 000. `Infinity` sets no limit. */
  readonly timeoutMs?: number | undefined
  /** Aborts the request when it fires. The other side is told. */
  readonly signal?: AbortSignalLike | undefined
}

/** The options for `checkNames`. */
export const REQUEST_OPTIONS = { timeoutMs: "number", signal: "addEventListener" } satisfies Record<
  keyof RequestOptions,
  string
>

/** Options of a request for a stream. */
export type StreamOptions = Pick<RequestOptions, "signal">

export const STREAM_OPTIONS = { signal: "addEventListener" } satisfies Record<keyof StreamOptions, string>
