import { type Closing, type Code, closing } from "../../wire/errors.ts"

/** Close codes of the private range (RFC 6455, section 7.4.2). The reason field carries our code and sentence. */
const RETRYABLE = 4000
const FINAL = 4001

/** The code and reason of a closing frame. A reason takes at most 123 bytes of UTF-8, and the code may be the other side's. */
export function writeClose(why: Closing): [code: number, reason: string] {
  return [why.retryable ? RETRYABLE : FINAL, `${why.code}: ${why.reason}`.replace(/[^ -~]/g, "?").slice(0, 120)]
}

/** What a closing frame, or its absence (1006), means. */
export function readClose(code: number, reason: string): Closing {
  if (code === RETRYABLE || code === FINAL) {
    const end = reason.indexOf(": ")
    return closing(reason.slice(0, Math.max(0, end)) as Code, reason.slice(end + 2), code === RETRYABLE)
  }
  return closing(code === 1009 ? "too-large" : "network", `the WebSocket closed with ${code}${reason && `: ${reason}`}`)
}
