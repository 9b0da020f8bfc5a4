import { callSafely } from "../../session/call-safely.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import type { Batch } from "../../wire/batch.ts"
import { type Closing, closing, EverwireError, wordsOf } from "../../wire/errors.ts"
import { rateLimited } from "../limits/allowance.ts"
import type { Principal } from "../peer.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { type Authenticate, type Credentials, describe, isPrincipal } from "./authenticate.ts"
import type { Site } from "./sites.ts"
import type { Greeting } from "./welcome.ts"

/** A hello came, and it is not decided yet whether the link is welcomed. */
export interface Judging extends Greeting {
  readonly stage: "judging"
  readonly origin: LinkOrigin
  /** What came after the hello and before the welcome. It is handled once the link is welcomed. */
  readonly later: Batch[]
  /** Bytes that came so far, the hello included. */
  bytes: number
  /** Whose answer the link waits for. */
  asked: "authenticate" | "the directory of sessions" | "the cluster" | undefined
}

/** The link that waits for the judgement, or the session whose channel has sent fresh credentials. */
interface Accused {
  /** Whether it still waits: it may have been closed, or its deadline may have passed. */
  isOpen(): boolean
  /** `authenticate` returned a principal. */
  admit(principal: Principal): void
  refuse(why: Closing): void
}

/** A time that is less than this share of now is most likely in seconds: as milliseconds it would be in 1970. */
const LIKELY_SECONDS = 1 / 100

/** Calls `authenticate` with the credentials of a hello, or with fresh ones, when there is room for a call. */
export function judge(
  { judges, report, clockwork }: AdmissionHost,
  authenticate: Authenticate,
  credentials: Credentials,
  site: Site | undefined,
  { isOpen, admit, refuse }: Accused,
): void {
  const busyMs = judges.count()
  if (busyMs > 0) return refuse(rateLimited("too many hellos for the hub to judge", busyMs))
  const answered = (principal: unknown): void => {
    const isKnown = isPrincipal(principal) // its getters are the application's: what they throw goes to `failed`
    if (!isOpen()) return
    // Neither a principal nor a refusal, for example an id that is a number. Only this report tells the application.
    if (!isKnown && principal) {
      const wanted =
        'authenticate gives a principal, { id: "a text" }, perhaps with a number expiresAt, or null to refuse'
      report(new EverwireError("misuse", `${wanted}; given: ${describe(principal)}`))
    }
    if (!isKnown) return refuse(closing("unauthorized", "the credentials were refused", false))
    const { expiresAt = Infinity } = principal
    const now = clockwork.now()
    if (expiresAt > now) return admit(principal)
    if (expiresAt > 0 && expiresAt < now * LIKELY_SECONDS) {
      report(new EverwireError("misuse", "expiresAt is in milliseconds, so that of a JWT is 1000 * exp"))
    }
    // Retryable, so that the channel asks its `auth` again: that may have given a token from before a sleep.
    refuse(closing("unauthorized", "the credentials have expired"))
  }
  const failed = (error: unknown): void => {
    const isOurs = wordsOf(error).startsWith("EverwireError")
    if (!isOurs) report(error)
    if (!isOpen()) return
    if (isOurs) {
      const { message, retryable } = error as EverwireError // perhaps of another copy of the class
      return refuse(closing("unauthorized", message, retryable))
    }
    // The application's code failed, not the credentials. A later try may succeed, so the refusal is retryable.
    refuse(closing("unauthorized", "the credentials could not be judged"))
  }
  judges.take({
    site,
    isOpen,
    judge: (settled) =>
      callSafely(
        () => authenticate(credentials),
        (error) => {
          settled()
          failed(error)
        },
        (principal) => {
          settled()
          answered(principal)
        },
      ),
  })
}
