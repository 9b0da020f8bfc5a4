import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { everwireOf } from "./everwire-of.mjs"

/** Another build of everwire, of an earlier commit for instance: the folder `dist` that `EVERWIRE_BEFORE` names. */
const entry = (name) => import(pathToFileURL(resolve(process.env.EVERWIRE_BEFORE, name)).href)

export const { transports, serve, connect, openWire } = everwireOf(await entry("index.js"), await entry("node.js"))
