import { callSafely } from "../session/call-safely.ts"

/** The platform's own `AbortSignal`, as `fetch` takes it. If its types are not loaded: {@link AbortSignalLike}. */
export type PlatformSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal & AbortSignalLike
  : AbortSignalLike

/** The part of `AbortSignal` (DOM standard) that is used of a signal that the application passes in. */
export interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: "abort", listener: () => void): void
  removeEventListener(type: "abort", listener: () => void): void
}

/**
 * Calls `run` when the signal fires. Returns a function that removes the listener, so that a signal which lives longer
 * than the call keeps none of it in memory. The signal may be of any implementation: what it throws when the listener
 * is removed goes to `failed`.
 */
export function whenAborted(
  signal: AbortSignalLike | undefined,
  run: () => void,
  failed: (error: unknown) => void,
): () => void {
  signal?.addEventListener("abort", run)
  return () => callSafely(() => signal?.removeEventListener("abort", run), failed)
}
