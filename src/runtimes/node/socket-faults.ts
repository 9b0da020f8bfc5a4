import { TOO_LARGE } from "../../server/limits/controls.ts"
import { type Closing, closing } from "../../wire/errors.ts"

/**
 * A message may have `FEW_FRAGMENTS` fragments, or more if they have this many bytes on average. Proxies make fragments
 * of some KiB.
 */
const LEAST_FRAGMENT_BYTES = 512
const FEW_FRAGMENTS = 1_024

/** Most fragments of a message (RFC 6455, section 5.4) of at most `maxBytes` bytes. */
export function maxFragments(maxBytes: number): number {
  return Math.max(FEW_FRAGMENTS, Math.ceil(maxBytes / LEAST_FRAGMENT_BYTES))
}

/** Errors of `ws` after which it closes the connection itself, and the closings that they stand for. */
export const FAULTS: Readonly<Record<string, Closing>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: TOO_LARGE,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: closing("rate-limited", "a message in too many fragments"),
}
