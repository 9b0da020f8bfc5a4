import { isThenable } from "./thenable.ts"

/**
 * Calls a function of the application, which may do anything. What it throws, or what its promise rejects with, goes to
 * `failed`, once. What it returns, or what its promise resolves to, goes to `done`; what `done` throws goes to `failed`
 * too. `failed` must not throw.
 */
export function callSafely(
  call: () => unknown,
  failed: (error: unknown) => void = () => {},
  done?: (value: unknown) => void,
): void {
  try {
    const value = call()
    if (isThenable(value)) settleSafely(value, failed, done)
    else done?.(value)
  } catch (error) {
    failed(error)
  }
}

/**
 * The part of {@link callSafely} for a promise. One of another make becomes one of the platform's, because it may call back
 * twice, or throw afterwards.
 */
export function settleSafely(
  promise: PromiseLike<unknown>,
  failed: (error: unknown) => void,
  done?: (value: unknown) => void,
): void {
  Promise.resolve(promise).then(done).catch(failed)
}
