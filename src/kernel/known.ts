import { EverwireError } from "./errors.ts"

/** @throws EverwireError `misuse` on an option that does not exist: it would do nothing, and nobody would know why. */
export function checkNames(given: object | undefined, known: object, of: string): void {
  const names = Object.keys(known)
  for (const name of Object.keys(given ?? {})) {
    if (names.includes(name)) continue
    const [nearest] = names.sort((one, other) => likeness(other, name) - likeness(one, name))
    throw new EverwireError("misuse", `${of} has no option "${name}"; did you mean "${nearest}"?`)
  }
}

/** How many pairs of letters of the one the other has, less what it is longer. */
function likeness(known: string, given: string): number {
  const pairs = Array.from(given, (letter, at) => (letter + given.charAt(at + 1)).toLowerCase())
  return pairs.filter((pair) => known.toLowerCase().includes(pair)).length - known.length / 9
}
