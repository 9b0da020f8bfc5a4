/**
 * Compares two keys. For keys of the same length it takes constant time, so the time does not tell where they differ.
 */
export function sameKey(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i % other.length)
  return difference === 0
}
