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
