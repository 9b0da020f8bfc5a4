import { EverwireError } from "../wire/errors.ts"

/**
 * The options of a call. Each has the `typeof` that its value must have, or the name of a method that its value must
 * have. "" if the value is checked elsewhere; then it is not read here.
 */
export type Known = Readonly<Record<string, string>>

/**
 * @throws EverwireError `misuse` on an unknown option, because it would have no effect, and on a value of a wrong type.
 */
export function checkNames(given: object | undefined, known: Known, of: string): void {
  for (const name in given) {
    const wanted: unknown = known[name] // for a name such as "toString" this is a function, inherited from Object
    if (typeof wanted !== "string")
      throw new EverwireError("misuse", `${of} has no option "${name}"; there are ${Object.keys(known).join(", ")}`)
    const value: unknown = wanted && given?.[name as keyof typeof given]
    // The message does not show the value, because it may be a secret. `null` counts as not given.
    if (value != null && wanted && typeof value !== wanted && !(wanted in Object(value)))
      throw new EverwireError("misuse", `${of}: ${name} wants ${wanted}; given: ${typeof value}`)
  }
}
