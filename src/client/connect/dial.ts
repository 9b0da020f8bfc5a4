import { callSafely } from "../../session/call-safely.ts"
import { guardLink } from "../../session/guard-link.ts"
import type { LinkSink } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Dialer, Platform, Target } from "../../transports/transport.ts"
import { HOLD_MS } from "../../wire/defaults.ts"
import { closing, wordsOf } from "../../wire/errors.ts"
import type { OwnAttempt } from "./attempt.ts"
import type { Incident } from "./incident.ts"
import type { TransportHealth } from "./transport-health.ts"

/** What a dial needs of the channel's options. */
export interface DialSettings {
  readonly runtime: Runtime
  readonly url: string
  /** The ladder, best first. */
  readonly dialers: readonly Dialer[]
  readonly health: TransportHealth
  readonly withCredentials: boolean
  /** Name of the channel's codec. Undefined: JSON. */
  readonly codec: string | undefined
  readonly platform: () => Platform
}

/** What a dial needs from the channel. */
export interface DialHost extends DialSettings {
  readonly report: (error: unknown) => void
  /** Something happened to the connection. */
  readonly noted: (incident: Incident) => void
}

/** What each dialer is told. */
export function targetOf({ url, runtime, platform, withCredentials, health }: DialHost): Target {
  return {
    url,
    runtime,
    platform: platform(),
    withCredentials,
    holdMs: health.holdMs ?? HOLD_MS,
    learnHold: (holdMs) => health.learnHold(holdMs),
  }
}

/**
 * Gives the attempt its link. The dialer, its link and the platform may be the application's code. If they throw, the
 * link counts as broken: it is closed at the end of the tick.
 */
export function openLink(host: DialHost, attempt: OwnAttempt, sink: LinkSink): void {
  let isBroken = false
  const broke = (error: unknown): void => {
    if (isBroken) return
    isBroken = true
    host.report(error)
    host.runtime.soon(() => {
      const why = closing("network", wordsOf(error))
      attempt.link.close(why)
      sink.closed(why)
    })
  }
  callSafely(() => {
    attempt.link = guardLink(attempt.dialer.dial(targetOf(host), sink), broke)
  }, broke)
}
