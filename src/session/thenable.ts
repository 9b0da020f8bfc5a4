/** Whether an application's function answered with a promise, of whatever make. Asking may throw: `then` may be a getter. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function"
}
