/** Whether an application's function answered with a promise, of whatever make. Asking may throw: `then` may be a getter. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (Object(value) as { then?: unknown }).then === "function" // of null and undefined it makes an object
}
