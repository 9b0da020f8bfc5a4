import { type Closing, closing } from "../../wire/errors.ts"

/** A ping or a pong (RFC 6455, section 5.5) takes so much of a second: a hundred a second are more than anybody needs. */
export const CONTROL_MS = 10
export const TOO_MANY_CONTROLS = closing("rate-limited", "too many pings or pongs")

/** A message may come in fragments of so many bytes on average, or in this many. Proxies make fragments of some KiB. */
const LEAST_FRAGMENT_BYTES = 512
const FEW_FRAGMENTS = 1_024

/** How many fragments a message may have (RFC 6455, section 5.4) that may be so large. */
export function maxFragments(maxBytes: number): number {
  return Math.max(FEW_FRAGMENTS, Math.ceil(maxBytes / LEAST_FRAGMENT_BYTES))
}

/** What the errors of `ws` mean after which it closes the connection by itself. */
export const FAULTS: Readonly<Record<string, Closing>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: closing("too-large", "a message that is larger than the hub takes"),
  WS_ERR_TOO_MANY_BUFFERED_PARTS: closing("rate-limited", "a message in too many fragments"),
}
