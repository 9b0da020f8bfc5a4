/** Whether an application's function answered with a promise, of whatever make. Asking may throw: `then` may be a getter. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function"
  return isObject && typeof (value as { then?: unknown }).then === "function"
}
