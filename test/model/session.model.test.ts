import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { LastJoined, SharedOutbox } from "../../src/server/sessions/shared-outbox.ts"
import { ListOutbox } from "../../src/session/outbox.ts"
import { createPair, createSights, type Pair, type Seat, type Sights } from "./pair.ts"
import { histories, TIMEOUT_MS, traced } from "./run.ts"
import { sessionSeeds } from "./seeds.ts"
import { type SessionHistory, sessionHistory } from "./session-history.ts"
import { take } from "./steps.ts"

/** After all faults are removed, every packet is heard and acknowledged within this virtual time. */
const SETTLED_MS = 60_000

/** Checks what must hold after every step. `checked`: how many heard packets of each end were compared before. */
function check({ dialing, accepting }: Pair, checked: Map<Seat, number>): void {
  for (const [speaker, listener] of [
    [dialing, accepting],
    [accepting, dialing],
  ] as const) {
    // The heard packets are a prefix of the sent ones: none lost, doubled, reordered or invented.
    for (let i = checked.get(listener) ?? 0; i < listener.heard.length; i++) {
      if (listener.heard[i] !== speaker.said[i]) throw new Error(`heard ${listener.heard[i]} for ${speaker.said[i]}`)
    }
    checked.set(listener, listener.heard.length)
    if (speaker.session.acked > listener.heard.length) throw new Error("an ack of what was not heard")
    if (speaker.machine.pending() > 1) throw new Error("more than one alarm for one session")
    if (speaker.complaints.length > 0) throw new Error(`between honest sessions: ${speaker.complaints}`)
  }
}

/** What is done behind each step beside it. */
type Beside = (pair: Pair, step: number) => void

function live(history: SessionHistory, sights?: Sights, beside?: Beside): void {
  const pair = createPair(history.seed, history.swapped, sights)
  traced(pair.network, () => walk(pair, history, beside))
}

function walk(pair: Pair, { steps }: SessionHistory, beside?: Beside): void {
  const { runtime, network, dialing, accepting } = pair
  const checked = new Map<Seat, number>()
  for (const [step, what] of steps.entries()) {
    take(pair, what)
    check(pair, checked)
    for (const seat of [dialing, accepting]) seat.checkSnapshot()
    beside?.(pair, step)
  }
  network.heal()
  network.limit()
  dialing.wake()
  accepting.wake()
  // Some links may be silenced. All are closed here, as an end that doubts them would do, and a new one is dialed.
  while (dialing.calls.length > 0) dialing.letGo(0)
  dialing.dial(true)
  const settled = runtime.runUntil(
    () => dialing.session.acked === dialing.said.length && accepting.session.acked === accepting.said.length,
    SETTLED_MS,
  )
  check(pair, checked)
  expect(accepting.heard).toEqual(dialing.said)
  expect(dialing.heard).toEqual(accepting.said)
  expect(settled, "everything was acknowledged in time").toBe(true)
  for (const { session, machine } of [dialing, accepting]) {
    session.end()
    expect(machine.pending(), "alarms of an ended session").toBe(0)
  }
}

describe("two sessions over links that fail", () => {
  test(
    "hear exactly what the other said, in order, whichever seat each of them has",
    () => {
      const sights = createSights()
      fc.assert(
        fc.property(sessionHistory, (history) => live(history, sights)),
        histories(250),
      )
      // Otherwise the histories would prove nothing about large packets.
      expect(Math.min(...Object.values(sights)), JSON.stringify(sights)).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )

  test(
    "go on from a snapshot, in a hub's outbox or a channel's: both, one after the other, or the side that follows",
    () => {
      /** Behind each so many-th step a seat goes on from its snapshot. */
      const rhythms = [
        { dialing: 2, accepting: 2 },
        { dialing: 5, accepting: 3 }, // so links live for some steps
        { dialing: Infinity, accepting: 1 },
      ]
      const sights = createSights()
      const property = fc.property(sessionHistory, fc.constantFrom(...rhythms), (history, each) =>
        live(history, sights, ({ dialing, accepting }, step) => {
          if (step % each.dialing === 0) dialing.restore(new ListOutbox())
          if (step % each.accepting === 0)
            accepting.restore(step % 2 === 0 ? new SharedOutbox(new LastJoined()) : new ListOutbox())
        }),
      )
      fc.assert(property, histories(80))
      expect(Math.min(sights.parts, sights.resumed), JSON.stringify(sights)).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )

  test.each(sessionSeeds)("pass the history that once revealed a fault: $found", ({ seed, path, history }) => {
    live(history)
    if (seed === undefined || path === undefined) return
    fc.assert(
      fc.property(sessionHistory, (history) => live(history)),
      { seed, path, numRuns: 1 },
    )
  })
})
