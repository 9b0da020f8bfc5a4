import { EverwireError } from "../wire/errors.ts"
import { checkName } from "../wire/packet.ts"
import { checkNames } from "./option-names.ts"
import { isReserved, reservedName } from "./reserved.ts"
import { nothing, type Schema } from "./schema.ts"
import type { RequestSchemas } from "./seat-schemas.ts"

/** Messages of one direction, by name. */
export type Messages = Readonly<Record<string, Schema>>

/**
 * Without `input` a request takes nothing, without `output` it is answered with nothing. With `items`, in place of
 * `output`, it is answered with a stream. With `inputItems` the asker may send a stream along with it.
 */
export type Requests = Readonly<
  Record<
    string,
    {
      readonly input?: Schema | undefined
      readonly inputItems?: Schema | undefined
      readonly output?: Schema | undefined
      readonly items?: Schema | undefined
    }
  >
>

const PARTS = { input: "~standard", inputItems: "~standard", output: "~standard", items: "~standard" }

/** @throws EverwireError `misuse` on a name that is none, and on what is no schema */
export function readMessages(messages: Messages = {}): ReadonlyMap<string, Schema> {
  return new Map(Object.entries(messages).map(([name, schema]) => [checked(name), schemaIn(schema, name)]))
}

/** @throws EverwireError `misuse`, as with messages, and on a part that does not exist */
export function readRequests(requests: Requests = {}): ReadonlyMap<string, RequestSchemas> {
  return new Map(
    Object.entries(requests).map(([name, parts]) => {
      checkNames(parts, PARTS, `the request "${name}"`)
      const { input = nothing, inputItems = nothing, output = nothing, items } = parts ?? {}
      if (items && parts.output) throw new EverwireError("misuse", `"${name}" has either an output or items`)
      const checkedItems = items ? schemaIn(items, name) : undefined
      return [
        checked(name),
        {
          input: schemaIn(input, name),
          inputItems: schemaIn(inputItems, name),
          output: schemaIn(output, name),
          items: checkedItems,
        },
      ]
    }),
  )
}

function checked(name: string): string {
  checkName(name)
  if (isReserved(name)) throw new EverwireError("misuse", reservedName(name))
  return name
}

function schemaIn(given: Schema | null | undefined, name: string): Schema {
  const standard = (given as Partial<Schema> | null | undefined)?.["~standard"]
  if (standard?.version === 1 && typeof standard.validate === "function") return given as Schema // it has what one has
  throw new EverwireError(
    "misuse",
    `"${name}" is a schema by Standard Schema, version 1, like those of zod, valibot and arktype; given: ${typeof given}`,
  )
}
