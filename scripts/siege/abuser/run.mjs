// @ts-check
// The abuser's process: runs one kind of abuse until it is killed, and sends each code of a close to its parent.

import { kinds } from "./kinds.mjs"

const [name = "", url = ""] = process.argv.slice(2)
const kind = kinds[name]
if (kind === undefined) throw new Error(`no such kind of abuse: ${name}; there are ${Object.keys(kinds).join(", ")}`)
process.on("disconnect", () => process.exit())
await kind.run(new URL(url), (code) => void process.send?.(code))
