import { isThenable } from "./thenable.ts"

/**
 * Calls a function of the application, which may throw or return any promise. If it throws or its promise rejects, the
 * error goes to `failed`, once. Its result, or the value of its promise, goes to `done`. If `done` throws, that error
 * goes to `failed` too. `failed` must not throw.
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
 * The part of {@link callSafely} for a promise. `Promise.resolve` turns a thenable of another library into a native
 * promise, because such a thenable may call back twice, or throw afterwards.
 */
export function settleSafely(
  promise: PromiseLike<unknown>,
  failed: (error: unknown) => void,
  done?: (value: unknown) => void,
): void {
  Promise.resolve(promise).then(done).catch(failed)
}
