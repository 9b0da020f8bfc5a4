// @ts-check
// One abuser of a kind, at full speed until it is ended. Tells its parent each code that the hub tells it.

import { kinds } from "./kinds.mjs"

const [name = "", url = ""] = process.argv.slice(2)
const kind = kinds[name]
if (kind === undefined) throw new Error(`no such kind of abuse: ${name}; there are ${Object.keys(kinds).join(", ")}`)
process.on("disconnect", () => process.exit())
await kind.run(new URL(url), (code) => void process.send?.(code))
