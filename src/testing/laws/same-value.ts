/**
 * Whether two values are the same in all that a codec has to keep: their types, items and fields, in order, and `undefined`
 * as an item. A property that is `undefined` counts as absent, and -0 as 0.
 */
export function isSame(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) {
    return Number.isNaN(left) && Number.isNaN(right)
  }
  if (Object.getPrototypeOf(left) !== Object.getPrototypeOf(right)) return false
  if (left instanceof Date) return isSame(Number(left), Number(right))
  if (left instanceof Map || left instanceof Set) return areSame([...left], [...(right as typeof left)]) // same prototype
  if (Array.isArray(left)) return areSame(left, right as readonly unknown[]) // as above
  const fields = (value: object): unknown[] => Object.entries(value).filter(([, item]) => item !== undefined)
  return areSame(fields(left).flat(), fields(right).flat())
}

function areSame(left: readonly unknown[], right: readonly unknown[]): boolean {
  // By index, because `every` passes over holes.
  return left.length === right.length && Array.from(left).every((item, n) => isSame(item, right[n]))
}
