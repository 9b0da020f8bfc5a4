import { maxBatchBytes } from "../../../src/server/settings.ts"
import type { TransportTraits } from "../../../src/testing/laws.ts"

const common: TransportTraits = {
  // The hub's default limits.
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

/** The hub notices when an open stream breaks, but not when a poll does not come. */
export const httpTraits = {
  sse: { ...common, noticesVanishedChannel: true },
  longPoll: common,
  shortPoll: common,
} as const

/** A closing frame holds a code and 123 bytes of reason. Messages lost on a socket are not repeated. */
export const websocketTraits: TransportTraits = {
  ...common,
  tellsRetryAfter: false,
  repairsLoss: false,
  noticesVanishedChannel: true,
}
