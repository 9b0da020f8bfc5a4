/** One of these by chance. Undefined if there is none. */
export function choose<Value>(values: readonly Value[], random: () => number): Value | undefined {
  return values[Math.floor(random() * values.length)]
}
