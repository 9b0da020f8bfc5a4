import { callSafely } from "../../session/call-safely.ts"
import type { AuthReason } from "../../wire/handshake.ts"
import { encodePayload } from "../../wire/payload.ts"

/** Asks the application for credentials. `done` gets them as `auth` of a JSON object. */
export function askCredentials(
  ask: (reason: AuthReason) => unknown,
  reason: AuthReason,
  fail: (error: unknown) => void,
  done: (json: string) => void,
): void {
  callSafely(
    () => ask(reason),
    fail,
    (auth) => done(encodePayload({ auth }) as string), // no bytes: an object
  )
}
