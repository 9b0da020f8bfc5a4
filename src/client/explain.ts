import type { Closing } from "../wire/errors.ts"
import type { Attempt } from "./connect/attempt.ts"
import type { DialHost } from "./connect/attempts.ts"
import type { Incident } from "./connect/incident.ts"

/** How one rung of the ladder stands. */
export interface RungReport {
  readonly transport: string
  /**
   * `in-use`; `unsupported` (the platform lacks it); `broken` (failed here while another worked, believed until
   * `brokenUntil`); `crowded` (it waits for one of the few connections of the browser, which other tabs hold); `failed` (the last try did not work); `fine` (the last try worked); `untried` (or not known yet).
   */
  readonly standing: "in-use" | "unsupported" | "broken" | "crowded" | "failed" | "fine" | "untried"
  /** Milliseconds since the epoch. */
  readonly brokenUntil?: number
  /** Links in a row that died within two seconds. */
  readonly strikes: number
  /** The last thing that happened to it. */
  readonly last?: Incident
}

/** Which transport carries the talk, why, and what happened to the others. Plain data; holds no secret. */
export interface Explanation {
  /** Name of the transport in use. */
  readonly transport: string | undefined
  /** One sentence for people. */
  readonly why: string
  /** The ladder, best first. */
  readonly rungs: readonly RungReport[]
  /** The last incidents, oldest first. */
  readonly incidents: readonly Incident[]
  /** Smoothed round trip in milliseconds; 0 until measured. */
  readonly rttMs: number
  /** Messages and requests said, acknowledged, and heard in this session. */
  readonly said: number
  readonly acknowledged: number
  readonly heard: number
}

/** What each incident that tells something tells: whether the transport works. */
const WORKED: Partial<Record<Incident["what"], RungReport["standing"]>> = {
  welcomed: "fine",
  proved: "fine",
  "took-over": "fine",
  doubted: "failed",
  closed: "failed",
}

/** What is said of a rung that does not carry the talk, where "is" and its standing would be no sentence. */
const SAYINGS: Partial<Record<RungReport["standing"], string>> = {
  broken: "failed while another worked",
  crowded: "waits for one of the connections that other tabs hold",
  failed: "failed",
}

/**
 * The connector's records in words. `current`: what carries the talk; `lastClosing`: why the last link that ended did;
 * `isCrowded`: whether other tabs hold the connections that a stream or a long poll would need.
 */
export function explain(
  { dialers, health, platform, runtime }: DialHost,
  incidents: readonly Incident[],
  current: Attempt | undefined,
  lastClosing: Closing,
  isCrowded: boolean | undefined,
): Pick<Explanation, "transport" | "why" | "rungs" | "incidents"> {
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
      // Being dialed, or let go, tells nothing about whether it works.
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
  // What refuses everybody, like an `auth()` that throws, is no rung's.
  const isOfRung = incidents.some(({ closing }) => closing === lastClosing)
  const why = reasons.join("; ")
  return {
    transport,
    why: transport
      ? why || `${transport} is the preferred transport and works`
      : `nothing is connected: ${isOfRung ? why : lastClosing.reason}`,
    rungs,
    incidents: [...incidents],
  }
}
