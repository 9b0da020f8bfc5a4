import { FIRST_BEAT, PROBE_MS, UNACKNOWLEDGED_MS } from "./defaults.ts"

/** The moments by which a link is judged, in milliseconds of the runtime's clock. `Infinity` where nothing is pending. */
export interface Moments {
  /** Last time a batch left. */
  spokeAt: number
  /** Whether this side's beat is the first, and the other's the answer to it. */
  isFirst: boolean
  /** Last time a batch came, or its absence was concluded. */
  heardAt: number
  /** Since when an ack is owed. */
  owedSince: number
  /** Since when something said has been waiting, with no ack making progress; behind a doubt, since the link began. */
  waitingSince: number
  /** When the unanswered probe left. */
  probedAt: number
  /** How long that probe may take. */
  probeMs: number
  /** Smoothed round trip. */
  rttMs: number
  /** Doubts in a row without progress: each doubles the patience, so that a slow wire is not taken for a dead one for ever. */
  doubts: number
}

/** The figures that the welcome fixes, and this seat's way of acknowledging. */
export interface PulseSettings {
  readonly speakMs: number
  readonly patienceMs: number
  readonly ackMs: number
  /** Whether this seat judges its link by probes (the channel does, the hub does not). */
  readonly prober: boolean
}

/** What is due next: speak (an ack or a beat), probe, doubt the link, or hang up on it. */
export type Due = "speak" | "probe" | "doubt" | "hang-up"

/** Pure: the nearest deadline and what it asks for. */
export function nextDue(m: Moments, s: PulseSettings): { at: number; due: Due } {
  let at = Math.min(m.spokeAt + s.speakMs * (m.isFirst ? FIRST_BEAT : 1), m.owedSince + s.ackMs)
  let due: Due = "speak"
  const consider = (when: number, what: Due): void => {
    if (when < at) {
      at = when
      due = what
    }
  }
  consider(m.heardAt + s.patienceMs, s.prober ? "doubt" : "hang-up")
  if (s.prober) {
    if (m.probedAt === Number.POSITIVE_INFINITY) {
      consider(m.waitingSince + scaled(UNACKNOWLEDGED_MS, m), "probe")
    } else {
      consider(m.probedAt + m.probeMs, "doubt")
    }
  }
  return { at, due }
}

/** How long a probe sent now may take. */
export function probePatience(m: Moments): number {
  return scaled(PROBE_MS, m)
}

function scaled(floorMs: number, m: Moments): number {
  return Math.max(floorMs, 4 * m.rttMs) * 2 ** Math.min(m.doubts, 5)
}
