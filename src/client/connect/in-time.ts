import type { Runtime } from "../../session/runtime.ts"

/**
 * What the promise resolves to; `undefined` when it rejects, or takes longer than so many milliseconds. (Where it settles in
 * time, the last `then` calls the canceller of the timer.)
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
