import { type Closing, type Code, closing } from "../../wire/errors.ts"

/**
 * Close codes from the private range (RFC 6455, section 7.4.2). The reason field carries everwire's code and sentence.
 */
const RETRYABLE = 4000
const FINAL = 4001

/**
 * Returns the code and reason for a closing frame. A reason has at most 123 bytes of UTF-8, so it is cut; and
 * `why.code` may come from the other side, so other characters than printable ASCII are replaced.
 */
export function writeClose(why: Closing): [code: number, reason: string] {
  return [why.retryable ? RETRYABLE : FINAL, `${why.code}: ${why.reason}`.replace(/[^ -~]/g, "?").slice(0, 120)]
}

/** Turns the code and reason of a closing frame into a closing. Code 1006 means that no closing frame came. */
export function readClose(code: number, reason: string): Closing {
  if (code === RETRYABLE || code === FINAL) {
    const end = reason.indexOf(": ")
    return closing(reason.slice(0, Math.max(0, end)) as Code, reason.slice(end + 2), code === RETRYABLE)
  }
  return closing(code === 1009 ? "too-large" : "network", `the WebSocket closed with ${code}${reason && `: ${reason}`}`)
}
