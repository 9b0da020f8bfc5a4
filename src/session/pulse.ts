import { FIRST_BEAT, PROBE_MS, UNACKNOWLEDGED_MS } from "../wire/defaults.ts"

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
  /** Whether something must come: the rest of a packet, or what the welcome said there was. */
  expects: boolean
  /** When the unanswered probe left. */
  probedAt: number
  /** How long that probe may take. */
  probeMs: number
  /** Smoothed round trip. */
  rttMs: number
  /** When the line will have gone in which the last probe of the other side stood on its way. */
  lineUntil: number
  /** When that was known. */
  lineAt: number
  /** When something last came that was no batch yet. */
  movedAt: number
  /** Doubts in a row without progress: each doubles the patience, so that a slow wire is not taken for a dead one for ever. */
  doubts: number
}

/** The figures that the welcome fixes, and this seat's way of acknowledging. */
export interface PulseSettings {
  readonly heartbeatMs: number
  readonly heartbeatTimeoutMs: number
  readonly ackMs: number
  /** Whether this seat judges its link by probes (the channel does, the hub does not). */
  readonly prober: boolean
}

/** What is due next: speak (an ack or a beat), probe, doubt the link, or hang up on it. */
export type Due = "speak" | "probe" | "doubt" | "hang-up"

/** Pure: the nearest deadline and what it asks for. */
export function nextDue(m: Moments, s: PulseSettings): { at: number; due: Due } {
  let at = Math.min(m.spokeAt + s.heartbeatMs * (m.isFirst ? FIRST_BEAT : 1), m.owedSince + s.ackMs)
  let due: Due = "speak"
  const consider = (when: number, what: Due): void => {
    if (when < at) {
      at = when
      due = what
    }
  }
  consider(m.heardAt + s.heartbeatTimeoutMs, s.prober ? "doubt" : "hang-up")
  if (s.prober) {
    const quietMs = UNACKNOWLEDGED_MS * doubling(m)
    if (m.probedAt === Infinity) {
      consider((m.expects ? Math.min(m.waitingSince, m.heardAt) : m.waitingSince) + quietMs, "probe")
    } else {
      // A slow link is not dead: the answer may stand in a line as long as probes of the other side did, or behind a batch
      // that is coming. Whatever else comes, without an answer it may be the way there that is dead.
      const answerMs = Math.max(m.probeMs, 3 * (m.lineUntil - Math.max(m.probedAt, m.lineAt)))
      consider(Math.max(m.probedAt + answerMs, m.movedAt + quietMs), "doubt")
    }
  }
  return { at, due }
}

/** How long a probe sent now may take. */
export function probePatience(m: Moments): number {
  return Math.max(PROBE_MS, 4 * m.rttMs) * doubling(m)
}

function doubling({ doubts }: Moments): number {
  return 2 ** Math.min(doubts, 5)
}
