import fc from "fast-check"
import { expect, test } from "vitest"
import { LastJoined, SharedOutbox } from "../../src/server/sessions/shared-outbox.ts"
import type { DropReason } from "../../src/session/delivery/delivery.ts"
import { ListOutbox } from "../../src/session/outbox.ts"
import { createPair, type HandOver, type Pair, type Seat } from "./pair.ts"
import { histories, TIMEOUT_MS, traced } from "./run.ts"
import { type MannersHistory, mannersHistory } from "./session-history.ts"
import { take } from "./steps.ts"

/** After all faults are removed, everything is settled within this virtual time. */
const SETTLED_MS = 90_000

/** How often each thing happened, over all histories. */
type Sights = Record<DropReason | "repeated" | "withdrawn", number>

/** What was compared before, of one speaker and its listener. */
interface Checked {
  arrivals: number
  handed: number
  /** Words that were handed to a link. */
  readonly sent: Set<number>
}

/** A word may be handed to this link now. */
function checkHandOver({ spoken }: Seat, hand: HandOver, sent: Set<number>, sights: Sights): void {
  const { word, first, last } = hand
  const { delivery, tick } = spoken[word] ?? {}
  const isAgain = sent.has(word)
  sent.add(word)
  if (isAgain) sights.repeated++
  if (delivery === undefined) return
  // Whether to repeat a word is decided when the link is attached.
  const decided = isAgain ? last : hand
  if (decided.at > (delivery.until ?? decided.at)) throw new Error(`word ${word} was handed over too old`)
  for (let newer = word + 1; newer < decided.said && delivery.key !== undefined; newer++) {
    if (spoken[newer]?.delivery?.key === delivery.key)
      throw new Error(`word ${word} was handed over after ${newer} was said`)
  }
  if (!delivery.volatile) return
  if (isAgain) throw new Error(`word ${word} is volatile and was repeated`)
  if (first.said > word && hand.tick !== tick) throw new Error(`word ${word} is volatile and waited for a link`)
}

/** What must hold after every step between one that speaks and one that listens. */
function check(speaker: Seat, listener: Seat, checked: Checked, sights: Sights): void {
  for (; checked.handed < speaker.handed.length; checked.handed++) {
    const hand = speaker.handed[checked.handed]
    if (hand !== undefined) checkHandOver(speaker, hand, checked.sent, sights)
  }
  let before = listener.arrivals[checked.arrivals - 1] ?? -1
  for (; checked.arrivals < listener.arrivals.length; checked.arrivals++) {
    const word = listener.arrivals[checked.arrivals] ?? -1
    if (listener.heard[checked.arrivals] !== speaker.said[word]) throw new Error(`word ${word} arrived otherwise`)
    if (word <= before) throw new Error(`word ${word} arrived after ${before}`)
    for (let missed = before + 1; missed < word; missed++) {
      if (speaker.spoken[missed]?.delivery === undefined)
        throw new Error(`word ${missed} is reliable and was passed over`)
    }
    before = word
  }
  if (speaker.session.acked > listener.session.heard) throw new Error("an ack of what was not heard")
  if (speaker.machine.pending() > 2) throw new Error("more than an alarm for the link and one for the lane")
  if (speaker.complaints.length > 0) throw new Error(`between honest sessions: ${speaker.complaints}`)
}

function live(
  { seed, swapped, steps }: MannersHistory,
  sights: Sights,
  beside?: (pair: Pair, step: number) => void,
): void {
  const pair = createPair(seed, swapped)
  const { runtime, network, dialing, accepting } = pair
  const ways = [
    { speaker: dialing, listener: accepting, checked: { arrivals: 0, handed: 0, sent: new Set<number>() } },
    { speaker: accepting, listener: dialing, checked: { arrivals: 0, handed: 0, sent: new Set<number>() } },
  ]
  const checkAll = (): void => {
    for (const { speaker, listener, checked } of ways) check(speaker, listener, checked, sights)
  }
  traced(network, () => {
    for (const [step, what] of steps.entries()) {
      take(pair, what)
      checkAll()
      for (const seat of [dialing, accepting]) seat.checkSnapshot()
      beside?.(pair, step)
    }
    network.heal()
    network.limit()
    for (const seat of [dialing, accepting]) seat.wake()
    while (dialing.calls.length > 0) dialing.letGo(0)
    dialing.dial(true)
    const settled = runtime.runUntil(
      () => ways.every(({ speaker: { session } }) => session.isSettled(session.last)),
      SETTLED_MS,
    )
    checkAll()
    expect(settled, "everything was acknowledged or dropped in time").toBe(true)
    for (const { speaker, listener } of ways) {
      const arrived = new Set(listener.arrivals)
      const newest = new Map(speaker.spoken.map(({ delivery }, word) => [delivery?.key, word]))
      for (const [word, { delivery }] of speaker.spoken.entries()) {
        const mustArrive = delivery === undefined || (newest.get(delivery.key) === word && isOnlyLatest(word, speaker))
        if (mustArrive && !arrived.has(word)) throw new Error(`word ${word} never arrived`)
      }
      if (beside === undefined)
        expect(arrived.size + speaker.reasons.length, "each is told").toBeGreaterThanOrEqual(speaker.said.length)
      expect(speaker.session.bufferedBytes).toBe(0)
      for (const reason of speaker.reasons) sights[reason]++
      if (listener.session.heard > listener.arrivals.length) sights.withdrawn++
      speaker.session.end()
      expect(speaker.machine.pending(), "alarms of an ended session").toBe(0)
    }
  })
}

function isOnlyLatest(word: number, { spoken }: Seat): boolean {
  const { key, volatile, until } = spoken[word]?.delivery ?? {}
  return key !== undefined && !volatile && until === undefined
}

test(
  "whatever breaks, what arrives is in order, has all that is reliable, and nothing that was to be dropped",
  () => {
    const sights: Sights = { volatile: 0, latest: 0, ttl: 0, full: 1, repeated: 0, withdrawn: 0 }
    fc.assert(
      fc.property(mannersHistory, (history) => live(history, sights)),
      histories(200),
    )
    // Otherwise the histories would prove nothing about one of them. (Nothing here fills an outbox.)
    expect(Math.min(...Object.values(sights)), JSON.stringify(sights)).toBeGreaterThan(0)
  },
  TIMEOUT_MS,
)

test(
  "the same holds for sessions that go on from a snapshot",
  () => {
    const sights: Sights = { volatile: 0, latest: 0, ttl: 0, full: 1, repeated: 0, withdrawn: 0 }
    const property = fc.property(mannersHistory, fc.constantFrom(2, 3, 5), (history, each) =>
      live(history, sights, ({ dialing, accepting }, step) => {
        if (step % each === 0) dialing.restore(new ListOutbox())
        if (step % (each + 1) === 0) accepting.restore(new SharedOutbox(new LastJoined()))
      }),
    )
    fc.assert(property, histories(70))
    expect(Math.min(...Object.values(sights)), JSON.stringify(sights)).toBeGreaterThan(0)
  },
  TIMEOUT_MS,
)
