import type { Closing } from "../wire/errors.ts"
import type { Attempt } from "./connect/attempt.ts"
import type { DialHost } from "./connect/dial.ts"
import type { Incident } from "./connect/incident.ts"

/** The state of one rung of the ladder. */
export interface RungReport {
  readonly transport: string
  /**
   * `in-use`: it carries the session. `unsupported`: the platform lacks it. `broken`: it failed here while another rung
   * worked, and is believed not to work until `brokenUntil`. `crowded`: it waits for one of the browser's few
   * connections, because other tabs hold them. `failed`: the last try did not work. `fine`: the last try worked.
   * `untried`: not dialed yet, or no result yet.
   */
  readonly standing: "in-use" | "unsupported" | "broken" | "crowded" | "failed" | "fine" | "untried"
  /** When a `broken` rung is trusted again, in milliseconds since the epoch. */
  readonly brokenUntil?: number
  /** How many links of this transport in a row died within two seconds of their welcome. */
  readonly strikes: number
  /** The last incident of this transport, if any is still recorded. */
  readonly last?: Incident
}

/** Which transport carries the session, why, and what happened to the others. Plain data without secrets. */
export interface Explanation {
  /** Name of the transport in use. Undefined while no link carries the session. */
  readonly transport: string | undefined
  /** One sentence for people. */
  readonly why: string
  /** The ladder, best first. */
  readonly rungs: readonly RungReport[]
  /** The last incidents, oldest first. */
  readonly incidents: readonly Incident[]
  /** Why a link ended last, or why the channel could not dial or has closed. */
  readonly lastClosing: Closing
}

/** The standing of a rung after each incident that shows whether its transport works. */
const WORKED: Partial<Record<Incident["what"], RungReport["standing"]>> = {
  welcomed: "fine",
  proved: "fine",
  "took-over": "fine",
  doubted: "failed",
  closed: "failed",
}

/** Phrases for `why`, for each standing with which "is `standing`" would not make a sentence. */
const SAYINGS: Partial<Record<RungReport["standing"], string>> = {
  broken: "failed while another worked",
  crowded: "waits for one of the connections that other tabs hold",
  failed: "failed",
}

/**
 * Describes the connector's records in words. `current`: the attempt whose link carries the session. `lastClosing`: why
 * the last ended link ended. `isCrowded`: whether other tabs occupy the connections that a stream or a long-poll needs.
 */
export function explain(
  { dialers, health, platform, runtime }: DialHost,
  incidents: readonly Incident[],
  current: Attempt | undefined,
  lastClosing: Closing,
  isCrowded: boolean | undefined,
): Explanation {
  const reasons: string[] = []
  const rungs = dialers.map((dialer, rank): RungReport => {
    const transport = dialer.name
    let standing: RungReport["standing"] = "untried"
    let last: Incident | undefined
    let reason: string | undefined
    for (const incident of incidents) {
      if (incident.transport !== transport) continue
      last = incident
      reason = incident.closing?.reason ?? reason
      // An incident such as `dialed` or `let-go` shows nothing about whether the transport works: the standing stays.
      standing = WORKED[incident.what] ?? standing
    }
    if (dialer.holds && isCrowded) standing = "crowded"
    const brokenUntil = health.brokenUntil(transport, runtime.now())
    if (brokenUntil > 0) standing = "broken"
    if (!dialer.supported(platform())) standing = "unsupported"
    if (current?.dialer === dialer) standing = "in-use"
    if (rank < (current?.rank ?? Infinity)) {
      reasons.push(`${transport} ${SAYINGS[standing] ?? `is ${standing}`}${reason ? ` (${reason})` : ""}`)
    }
    const strikes = health.strikes(transport)
    return { transport, standing, strikes, ...(last && { last }), ...(brokenUntil > 0 && { brokenUntil }) }
  })
  const transport = current?.dialer.name
  // A failure that concerns all rungs, such as an `auth()` that throws, is in no incident of a rung: `why` reports it
  // alone.
  const isOfRung = incidents.some(({ closing }) => closing === lastClosing)
  const why = reasons.join("; ")
  return {
    transport,
    why: transport
      ? why || `${transport} is the preferred transport and works`
      : `nothing is connected: ${isOfRung ? why : lastClosing.reason}`,
    rungs,
    incidents: [...incidents],
    lastClosing,
  }
}
