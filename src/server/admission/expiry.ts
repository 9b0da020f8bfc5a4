import type { Alarm, Slot } from "../../session/clockwork.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import { type Closing, closing, EverwireError, protocolError } from "../../wire/errors.ts"
import { AUTH_REFRESH } from "../../wire/features.ts"
import { readCredentials } from "../../wire/handshake.ts"
import { CREDENTIALS } from "../../wire/kinds.ts"
import { rateLimited, spent, waitMs } from "../limits/allowance.ts"
import type { Principal } from "../peer.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { PrincipalExpiry } from "../sessions/linked-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { judge } from "./judgement.ts"
import { HELLO_DEADLINE_MS } from "./judges.ts"

/**
 * How long before the expiry the hub asks, in milliseconds, at most. Half of it is random, so that the channels of tokens
 * that expire in the same minute do not all ask for fresh ones at once.
 */
export const AUTH_LEAD_MS = 60_000
/** At most this part of the time that is left: a token of one minute is not asked for at once. */
const AUTH_LEAD_PART = 1 / 4
/** Least time between credentials and the next question, in milliseconds. */
const AUTH_PAUSE_MS = 1_000
/** How long the channel has for its answer at least, even if the principal expires meanwhile, in milliseconds. */
export const AUTH_GRACE_MS = 10_000

/**
 * The alarms of a hub ring late by a share of their delay, which for a token of a day is more than an hour. So an alarm is
 * set too early by this share, again and again, until what is left is short.
 */
const EARLY_SHARE = 1 / 16
/** From here on the share is too small to matter, in milliseconds. */
const SHORT_MS = 1_000

const EXPIRED = closing("auth-expired", "the principal has expired, and no fresh credentials came")
const RENEW = closing("auth-expired", "the principal expires soon: come back with fresh credentials")

type State =
  /** The principal is valid, and the hub asks at this moment. `Infinity`: never. */
  | { readonly step: "valid"; readonly askAt: number }
  /** It is time to ask, but there is no link. */
  | { readonly step: "due" }
  /** The last question has no answer yet. */
  | { readonly step: "asked" }
  /** The credentials of the answer are being judged, until this moment at the latest. */
  | { readonly step: "judging"; readonly deadline: number }
  /** The answer was refused. */
  | { readonly step: "refused" }
  /** The time is over. Only a hello helps now. */
  | { readonly step: "over" }

/** A hello or an answer was judged: from now on this is the session's principal. */
export function renew(host: AdmissionHost, hubSession: HubSession, principal: Principal, origin: LinkOrigin): void {
  const { links } = hubSession
  const { expiresAt = Infinity } = principal
  hubSession.principal = principal
  if (links.expiry === undefined && expiresAt === Infinity) return
  links.expiry ??= new Expiry(host, hubSession)
  links.expiry.renew(expiresAt, origin)
}

/** Asks for fresh credentials before a session's principal expires, and closes its links if none come. */
class Expiry implements PrincipalExpiry, Alarm {
  slot: Slot | undefined
  hasDismissed = false
  readonly #host: AdmissionHost
  readonly #hubSession: HubSession
  /** The request of the link that was welcomed last. */
  #origin: LinkOrigin | undefined
  #expiresAt = Infinity
  /** When the time for an answer is over. `Infinity` until the first question about this principal. */
  #endAt = Infinity
  /** Number of the last question, and of the last one that a channel has answered. */
  #question = 0
  #answered = 0
  #state: State = { step: "valid", askAt: Infinity }

  constructor(host: AdmissionHost, hubSession: HubSession) {
    this.#host = host
    this.#hubSession = hubSession
  }

  /** The principal was judged anew. This settles the last question, whether or not this is its answer. */
  renew(expiresAt: number, origin: LinkOrigin): void {
    const now = this.#host.clockwork.now()
    const leadMs = Math.min(AUTH_LEAD_MS, (expiresAt - now) * AUTH_LEAD_PART)
    const askAt = Math.floor(expiresAt - leadMs * (1 - this.#host.runtime.random() / 2))
    this.#origin = origin
    this.#expiresAt = expiresAt
    this.#endAt = Infinity
    this.hasDismissed = false
    this.#enter({ step: "valid", askAt: Math.max(askAt, now + AUTH_PAUSE_MS) })
  }

  attached(): void {
    const { step } = this.#state
    // A link that was taken without another hello: a question on the link before may not have arrived.
    if (step === "due" || step === "asked") this.#ask()
    else if (step === "over") this.#dismiss(EXPIRED)
  }

  answered(packet: string): void {
    const { question, auth } = readCredentials(packet)
    if (question > this.#question || question === this.#answered) {
      throw protocolError("credentials that the hub did not ask for")
    }
    // Another hello, or another question, has settled this one meanwhile.
    if (this.#state.step !== "asked" || question < this.#question) return
    this.#answered = question
    const { sites, costs, clockwork, authenticate } = this.#host
    const origin = this.#origin
    if (origin === undefined || authenticate === undefined) return // there was a hello, and who asks judges
    const now = clockwork.now()
    const judging: State = { step: "judging", deadline: now + HELLO_DEADLINE_MS }
    this.#enter(judging)
    const site = sites.at(origin.address)
    const tooSoonMs = site === undefined ? 0 : waitMs(site.hellosUntil, now)
    if (tooSoonMs > 0) return this.#refuse(rateLimited("too many credentials from this address", tooSoonMs))
    if (site !== undefined) site.hellosUntil = spent(site.hellosUntil, costs.hello, now)
    judge(this.#host, authenticate, { auth, origin, reason: "expiring" }, site, {
      isOpen: () => this.#state === judging,
      refuse: (why) => this.#refuse(why),
      admit: (principal) => {
        if (principal.id === this.#hubSession.principal.id) this.#refreshed(principal, origin)
        else this.#refuse(closing("session-forbidden", "this session belongs to somebody else", false))
      },
    })
  }

  #refreshed(principal: Principal, origin: LinkOrigin): void {
    renew(this.#host, this.#hubSession, principal, origin)
    const { observer, hub } = this.#host
    observer.authRefreshed?.({ hub, peer: this.#hubSession.peer.id, expiresAt: principal.expiresAt })
  }

  ring(): void {
    const state = this.#state
    const now = this.#host.clockwork.now()
    if (now >= this.#endAt) return this.#dismiss(EXPIRED)
    if (state.step === "valid" && now >= state.askAt) return this.#ask()
    if (state.step === "judging" && now >= state.deadline) {
      const reason = `authenticate did not answer within ${HELLO_DEADLINE_MS} ms`
      this.#host.report(new EverwireError("timeout", reason, { retryable: true }))
      return this.#refuse(closing("hello-timeout", reason))
    }
    this.#wait()
  }

  end(): void {
    this.#enter({ step: "over" })
  }

  #ask(): void {
    const { link, settings } = this.#hubSession.session
    // The hello of the next link is judged anyway.
    if (link === undefined) return this.#enter({ step: "due" })
    if (settings.features?.includes(AUTH_REFRESH) !== true) return this.#dismiss(RENEW)
    if (this.#endAt === Infinity) {
      this.#endAt = Math.max(this.#expiresAt, this.#host.clockwork.now() + AUTH_GRACE_MS)
    }
    this.#question++
    this.#enter({ step: "asked" })
    link.send(`${CREDENTIALS}${this.#question}`)
  }

  /** The fresh credentials were not accepted. If the hub was only too busy to judge them, it asks again later. */
  #refuse(why: Closing): void {
    const { retryAfterMs } = why
    const now = this.#host.clockwork.now()
    const againMs = (retryAfterMs ?? Infinity) + Math.floor(AUTH_PAUSE_MS * (1 + this.#host.runtime.random()))
    this.#enter(now + againMs < this.#endAt ? { step: "valid", askAt: now + againMs } : { step: "refused" })
    const { code, reason } = why
    const { transport = "", address } = this.#origin ?? {}
    const origin = this.#origin?.header("origin")
    this.#host.refused({ code, reason, stage: "authenticate", transport, address, origin })
  }

  /** Closes the links, so that the channel comes back with a hello. Nothing is lost: the session waits for it. */
  #dismiss(why: Closing): void {
    const { session, links } = this.#hubSession
    this.#enter({ step: "over" })
    if (session.link === undefined) return
    this.hasDismissed = true
    links.dismiss(why)
    const { observer, hub } = this.#host
    observer.authExpired?.({ hub, peer: this.#hubSession.peer.id })
  }

  #enter(state: State): void {
    this.#state = state
    this.#wait()
  }

  /** Sets the alarm for what comes next. */
  #wait(): void {
    const { clockwork } = this.#host
    const state = this.#state
    const at = Math.min(
      state.step === "over" ? Infinity : this.#endAt,
      state.step === "valid" ? state.askAt : state.step === "judging" ? state.deadline : Infinity,
    )
    if (at === Infinity) return clockwork.clear(this)
    const leftMs = at - clockwork.now()
    clockwork.set(this, leftMs > SHORT_MS ? at - Math.floor(leftMs * EARLY_SHARE) : at)
  }
}
