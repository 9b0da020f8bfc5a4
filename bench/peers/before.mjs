import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { everwireOf } from "./everwire-of.mjs"

/** Another build of everwire, for example of an earlier commit. `EVERWIRE_BEFORE` is the path of its `dist` folder. */
const entry = (name) => import(pathToFileURL(resolve(process.env.EVERWIRE_BEFORE, name)).href)

export const { transports, serve, connect, openWire } = everwireOf(await entry("index.js"), await entry("node.js"))
