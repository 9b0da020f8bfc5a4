/** Compares in constant time for keys of one length: how long it takes tells nothing about where they differ. */
export function sameKey(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i % other.length)
  return difference === 0
}
