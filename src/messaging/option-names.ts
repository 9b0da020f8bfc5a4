import { EverwireError } from "../wire/errors.ts"

/**
 * The options of a call, each with what is wanted of it: its `typeof`, or the name of a method that it must have. "" where
 * that is looked at elsewhere, and the option is not read here.
 */
export type Known = Readonly<Record<string, string>>

/** @throws EverwireError `misuse` on an option that does not exist, because it would do nothing, and on one of a wrong kind. */
export function checkNames(given: object | undefined, known: Known, of: string): void {
  for (const name in given) {
    const wanted: unknown = known[name] // a function of every object for some names
    if (typeof wanted !== "string")
      throw new EverwireError("misuse", `${of} has no option "${name}"; there are ${Object.keys(known).join(", ")}`)
    const value: unknown = wanted && given?.[name as keyof typeof given]
    // The value itself is not shown: it may be a secret. `null` is as good as none.
    if (value != null && wanted && typeof value !== wanted && !(wanted in Object(value)))
      throw new EverwireError("misuse", `${of}: ${name} wants ${wanted}; given: ${typeof value}`)
  }
}
