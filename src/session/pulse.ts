import { PROBE_MS, UNACKNOWLEDGED_MS } from "../wire/defaults.ts"

/**
 * After this fraction of `HEARTBEAT_MS` on an idle link, one end sends first and asks for an answer, which is the other
 * end's beat. The first end is the hub, because it sends its beats to many peers in one sweep, so that the answers come
 * in together. Over HTTP it is the channel, because there an answer from the channel would cost an exchange.
 */
const FIRST_BEAT = 0.9

/**
 * The times by which a session judges its link, in milliseconds of the runtime's clock. `Infinity` means not pending.
 */
export interface Moments {
  /** When a batch was last sent. */
  spokeAt: number
  /** Whether this side beats first on an idle link (after `FIRST_BEAT` of `heartbeatMs`), and the other side answers. */
  isFirst: boolean
  /** When a batch last came, or when the silence last led to a doubt. */
  heardAt: number
  /** Since when this side owes an ack. */
  owedSince: number
  /** Since when a sent packet has waited for an ack without progress. After a doubt: since the link began. */
  waitingSince: number
  /** Whether more data must come: the rest of a packet in parts, or packets that the welcome announced. */
  expects: boolean
  /** When the unanswered probe was sent. */
  probedAt: number
  /** How long the answer to that probe may take, in milliseconds. */
  probeMs: number
  /** Smoothed round trip, in milliseconds. */
  rttMs: number
  /** When the queue will be empty in which the last probe of the other side waited on its way here. */
  lineUntil: number
  /** When `lineUntil` was set. */
  lineAt: number
  /** When bytes last came that were not a whole batch yet, or a part of a packet that was not its last. */
  movedAt: number
  /**
   * Doubts in a row without progress. Each doubles the waits, up to 5 times, so that a slow link is not doubted again
   * and again.
   */
  doubts: number
}

/** The times that the welcome sets, and how this end acknowledges. In milliseconds. */
export interface PulseSettings {
  readonly heartbeatMs: number
  readonly heartbeatTimeoutMs: number
  readonly ackMs: number
  /** Whether this end judges its link by probes. The channel does, the hub does not. */
  readonly prober: boolean
}

/** What the session has to do at a deadline: send an ack or a beat, send a probe, doubt the link, or close it. */
export type Due = "speak" | "probe" | "doubt" | "hang-up"

/** Returns the nearest deadline and what is due then. A pure function. */
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
      // A slow link is not dead: the answer may wait in a queue as long as the other side's probes did, or behind a
      // batch, or a packet in parts, that is arriving. Other batches that arrive are no substitute for the answer, because the link may be dead in
      // the other direction.
      const answerMs = Math.max(m.probeMs, 3 * (m.lineUntil - Math.max(m.probedAt, m.lineAt)))
      consider(Math.max(m.probedAt + answerMs, m.movedAt + quietMs), "doubt")
    }
  }
  return { at, due }
}

/** How long the answer to a probe that is sent now may take, in milliseconds. */
export function probePatience(m: Moments): number {
  return Math.max(PROBE_MS, 4 * m.rttMs) * doubling(m)
}

function doubling({ doubts }: Moments): number {
  return 2 ** Math.min(doubts, 5)
}
