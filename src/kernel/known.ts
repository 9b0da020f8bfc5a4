import { EverwireError } from "./errors.ts"

/** @throws EverwireError `misuse` on an option that does not exist: it would do nothing, and nobody would know why. */
export function checkNames(given: object | undefined, known: object, of: string): void {
  for (const name of Object.keys(given ?? {})) {
    if (!Object.hasOwn(known, name))
      throw new EverwireError("misuse", `${of} has no option "${name}"; there are ${Object.keys(known).join(", ")}`)
  }
}
