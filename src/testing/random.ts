/**
 * Mulberry32 (Tommy Ettinger, public domain): 32 bits of state, a number in [0, 1) per call. It is small, fast and the
 * same on every platform, so a seed gives the same run everywhere. Not for secrets.
 */
export function createRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
