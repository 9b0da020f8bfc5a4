import type { Runtime } from "../../session/runtime.ts"

/**
 * Resolves to the value of the promise, or to `undefined` if the promise rejects or takes longer than `ms`
 * milliseconds. (`runtime.after` returns the canceller of its timer. The last `then` calls it when the promise settles
 * in time.)
 */
export function inTime<Value>(
  runtime: Runtime,
  ms: number,
  promise: PromiseLike<Value> | undefined,
): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const giveUp = (): void => resolve(undefined)
    void Promise.resolve(promise).then(resolve, giveUp).then(runtime.after(ms, giveUp))
  })
}
