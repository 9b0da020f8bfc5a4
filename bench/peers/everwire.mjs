import * as client from "../../dist/index.js"
import * as node from "../../dist/node.js"
import { everwireOf } from "./everwire-of.mjs"

export const { transports, serve, connect, openWire } = everwireOf(client, node)
