import type { AbortSignalLike } from "./abort-signal.ts"

/** Options of a request. */
export interface RequestOptions {
  /** How long to wait for the response, in milliseconds. Default 10 000; `Infinity` waits for ever. */
  readonly timeoutMs?: number | undefined
  /** Aborts the wait; the other side is told. */
  readonly signal?: AbortSignalLike | undefined
}

/** The same, as `checkNames` wants them. */
export const REQUEST_OPTIONS = { timeoutMs: "number", signal: "addEventListener" } satisfies Record<
  keyof RequestOptions,
  string
>
