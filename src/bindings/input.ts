/** Tells inputs apart that are made anew each time. What JSON leaves out or refuses is written as something else. */
export const keyOf = (input: unknown): string | undefined =>
  JSON.stringify(input, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value instanceof Map || value instanceof Set ? [...value] : value,
  )

/** The input, or what a function gives as the input. */
export const readInput = (given: unknown): unknown => (typeof given === "function" ? (given as () => unknown)() : given)
