import { maxBatchBytes } from "../../../src/server/settings.ts"
import type { TransportTraits } from "../../../src/testing/laws.ts"

const common: TransportTraits = {
  // What a hub lets in by default.
  maxBatchBytes: maxBatchBytes(1_048_576),
  binary: true,
  backPressure: true,
  tellsCode: true,
  tellsReason: true,
  tellsRetryable: true,
  tellsRetryAfter: true,
  noticesVanishedHub: true,
  noticesVanishedChannel: false,
  repairsLoss: true,
  vanish: true,
  sever: true,
  garble: true,
  intrude: true,
  realTime: true,
}

/** An open stream that breaks is seen at the hub; a poll that does not come is not. */
export const httpTraits = {
  sse: { ...common, noticesVanishedChannel: true },
  longPoll: common,
  shortPoll: common,
} as const

/** A closing frame holds a code and 123 bytes of reason. What was lost on a socket stays lost with it. */
export const websocketTraits: TransportTraits = {
  ...common,
  tellsRetryAfter: false,
  repairsLoss: false,
  noticesVanishedChannel: true,
}
