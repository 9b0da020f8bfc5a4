/** Whether a value is a promise of any library. May throw, because `then` may be a getter. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function"
}
