import * as client from "../../dist/index.js"
import * as node from "../../dist/node.js"
import { everwireOf } from "./everwire-of.mjs"

const limits = {
  maxUnwelcomedLinksPerAddress: Infinity,
  maxMessagesPerSecond: Infinity,
  maxBytesPerSecond: Infinity,
  maxExchangesPerSecond: Infinity,
  maxHellosPerSecond: Infinity,
}

export const { transports, serve, connect, openWire } = everwireOf(client, node, limits)
