import type { Dialer, Platform } from "../transports/transport.ts"
import type { Connector } from "./connector.ts"
import type { Incident } from "./incident.ts"
import type { Standing } from "./standing.ts"

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
const WORKED: Partial<Record<Incident["what"], boolean>> = {
  welcomed: true,
  proved: true,
  "took-over": true,
  doubted: false,
  closed: false,
}

/** Pure: the connector's records in words. */
export function explainRungs(
  connector: Connector,
  dialers: readonly Dialer[],
  standing: Standing,
  platform: Platform,
  now: number,
): RungReport[] {
  return dialers.map((dialer) => {
    const { name } = dialer
    const last = connector.incidents.findLast(({ transport }) => transport === name)
    const brokenUntil = standing.brokenUntil(name, now)
    const report = { transport: name, strikes: standing.strikes(name), ...(last && { last }) }
    if (connector.current?.dialer === dialer) return { ...report, standing: "in-use" }
    if (!dialer.supported(platform)) return { ...report, standing: "unsupported" }
    if (brokenUntil > 0) return { ...report, standing: "broken", brokenUntil }
    if (dialer.holds && connector.isCrowded) return { ...report, standing: "crowded" }
    // Being dialed, or let go, tells nothing about whether it works.
    const telling = connector.incidents.findLast(({ transport, what }) => transport === name && what in WORKED)
    if (telling === undefined) return { ...report, standing: "untried" }
    return { ...report, standing: WORKED[telling.what] ? "fine" : "failed" }
  })
}

/** What is said of a better rung that does not carry the talk. */
const SAYINGS: Record<RungReport["standing"], string> = {
  "in-use": "carries the talk",
  unsupported: "is not supported here",
  broken: "failed while another worked",
  crowded: "waits for one of the connections that other tabs hold",
  failed: "failed",
  fine: "worked when it was last tried",
  untried: "has not been tried yet",
}

/** Why this transport and not a better one, or why none: the reasons of the rungs, the best first. */
export function explainWhy(rungs: readonly RungReport[], { incidents, lastClosing }: Connector): string {
  const reasonOf = (transport: string): string | undefined =>
    incidents.findLast((incident) => incident.transport === transport && incident.closing)?.closing?.reason
  const inUse = rungs.findIndex(({ standing }) => standing === "in-use")
  const current = rungs[inUse]
  if (current === undefined) {
    // What refuses everybody, like an `auth()` that throws, is no rung's.
    const isOfRung = incidents.some((incident) => incident.closing === lastClosing)
    const reasons = rungs.flatMap(({ transport }) => {
      const reason = isOfRung && reasonOf(transport)
      return reason ? [`${transport}: ${reason}`] : []
    })
    return `nothing is connected: ${reasons.join("; ") || lastClosing.reason}`
  }
  const better = rungs.slice(0, inUse).map(({ transport, standing, strikes }) => {
    if (standing === "crowded") return `${transport} ${SAYINGS.crowded}`
    if (strikes > 0 && standing !== "fine") return `${transport} died young ${strikes} times`
    const reason = reasonOf(transport)
    return `${transport} ${SAYINGS[standing]}${reason ? ` (${reason})` : ""}`
  })
  return better.length === 0 ? `${current.transport} is the preferred transport and works` : better.join("; ")
}
