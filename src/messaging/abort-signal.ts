import { callSafely } from "../session/call-safely.ts"

/** The platform's own AbortSignal, as `fetch` wants it, where its types are there. */
export type PlatformSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal & AbortSignalLike
  : AbortSignalLike

/** The part of AbortSignal (DOM standard) that is needed of one that the application gives. */
export interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: "abort", listener: () => void): void
  removeEventListener(type: "abort", listener: () => void): void
}

/**
 * Calls `run` when the signal fires. Returns what takes that back, so that a signal which outlives the call keeps nothing
 * of it. The signal may be of any make: what it throws when it is taken back goes to `failed`.
 */
export function whenAborted(
  signal: AbortSignalLike | undefined,
  run: () => void,
  failed: (error: unknown) => void,
): () => void {
  signal?.addEventListener("abort", run)
  return () => callSafely(() => signal?.removeEventListener("abort", run), failed)
}
