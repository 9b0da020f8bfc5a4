import { describe, expect, it } from "vitest"
import { type Moments, nextDue, type PulseSettings, probePatience } from "../../src/session/pulse.ts"
import { PROBE_MS, UNACKNOWLEDGED_MS } from "../../src/wire/defaults.ts"

const NEVER = Number.POSITIVE_INFINITY
const QUIET: Moments = {
  spokeAt: 0,
  isFirst: false,
  heardAt: 0,
  owedSince: NEVER,
  waitingSince: NEVER,
  probedAt: NEVER,
  probeMs: 0,
  rttMs: 0,
  doubts: 0,
  expects: false,
  lineUntil: 0,
  lineAt: 0,
  movedAt: 0,
}
const HUB: PulseSettings = { heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000, ackMs: 250, prober: false }
const CHANNEL: PulseSettings = { heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000, ackMs: 5_000, prober: true }

describe("what is due next on a link", () => {
  it.each<[string, PulseSettings, Partial<Moments>, { at: number; due: string }]>([
    ["a beat, when nothing happens", HUB, {}, { at: 20_000, due: "speak" }],
    ["a beat so long after the last word", HUB, { spokeAt: 1_000, heardAt: 1_000 }, { at: 21_000, due: "speak" }],
    ["the first beat earlier, because its answer is the other's", HUB, { isFirst: true }, { at: 18_000, due: "speak" }],
    ["the ack, when one is owed", HUB, { owedSince: 700 }, { at: 950, due: "speak" }],
    ["a lazy ack on the channel's side", CHANNEL, { owedSince: 700 }, { at: 5_700, due: "speak" }],
    ["hanging up, after silence, on the hub's side", HUB, { spokeAt: 29_000 }, { at: 30_000, due: "hang-up" }],
    ["a doubt, after silence, on the channel's side", CHANNEL, { spokeAt: 29_000 }, { at: 30_000, due: "doubt" }],
    [
      "a probe, when what was said stays unacknowledged",
      CHANNEL,
      { waitingSince: 100 },
      { at: 100 + UNACKNOWLEDGED_MS, due: "probe" },
    ],
    ["no later on a slow wire", CHANNEL, { waitingSince: 100, rttMs: 900 }, { at: 2_100, due: "probe" }],
    [
      "later still after a doubt",
      CHANNEL,
      { waitingSince: 100, doubts: 1 },
      { at: 100 + 2 * UNACKNOWLEDGED_MS, due: "probe" },
    ],
    ["no probe on the hub's side", HUB, { waitingSince: 100 }, { at: 20_000, due: "speak" }],
    [
      "a doubt, when the probe is not answered in its time",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500 },
      { at: 2_600, due: "doubt" },
    ],
    [
      "a probe, when what must come does not, although nothing waits",
      CHANNEL,
      { heardAt: 500, expects: true },
      { at: 500 + UNACKNOWLEDGED_MS, due: "probe" },
    ],
    [
      "a probe as soon as what was said has waited, although what must come was heard of later",
      CHANNEL,
      { waitingSince: 100, heardAt: 500, expects: true },
      { at: 100 + UNACKNOWLEDGED_MS, due: "probe" },
    ],
    [
      "no probe because nothing was heard, where nothing must come",
      CHANNEL,
      { heardAt: 500 },
      { at: 20_000, due: "speak" },
    ],
    [
      "no probe on the hub's side, whatever must come",
      HUB,
      { heardAt: 500, expects: true },
      { at: 20_000, due: "speak" },
    ],
    [
      "no doubt before three times the line has passed in which the other side's last probe stood",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500, lineUntil: 2_900 },
      { at: 2_100 + 3 * 800, due: "doubt" },
    ],
    [
      "a doubt in the time of the probe, when that line was shorter",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500, lineUntil: 2_200 },
      { at: 2_600, due: "doubt" },
    ],
    [
      "a doubt in the time of the probe, when that line has gone",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500, lineUntil: 1_000 },
      { at: 2_600, due: "doubt" },
    ],
    [
      "a doubt in the time of the probe, when the line is short, though marks go on coming long after the probe left",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500, lineAt: 4_000, lineUntil: 4_010 },
      { at: 2_600, due: "doubt" },
    ],
    [
      "no doubt while a batch is coming in pieces: two seconds after the last of them",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500, movedAt: 2_500 },
      { at: 2_500 + UNACKNOWLEDGED_MS, due: "doubt" },
    ],
    [
      "no doubt for as much longer behind one, when a batch is coming in pieces",
      CHANNEL,
      { waitingSince: 100, probedAt: 2_100, probeMs: 500, movedAt: 2_500, doubts: 1 },
      { at: 2_500 + 2 * UNACKNOWLEDGED_MS, due: "doubt" },
    ],
    [
      "no second probe while one is in flight",
      CHANNEL,
      { waitingSince: 100, probedAt: 300, probeMs: 60_000 },
      { at: 20_000, due: "speak" },
    ],
  ])("is %s", (_, settings, moments, due) => {
    expect(nextDue({ ...QUIET, ...moments }, settings)).toEqual(due)
  })
})

describe("the patience of a probe", () => {
  it.each([
    [{}, PROBE_MS],
    [{ rttMs: PROBE_MS / 4 }, PROBE_MS],
    [{ rttMs: 300 }, 1_200],
    [{ doubts: 1 }, 2 * PROBE_MS],
    [{ rttMs: 300, doubts: 2 }, 4_800],
    [{ doubts: 5 }, 32 * PROBE_MS],
    [{ doubts: 50 }, 32 * PROBE_MS],
  ])("after %j is %i ms: four round trips, doubled with each doubt, within bounds", (moments, ms) => {
    expect(probePatience({ ...QUIET, ...moments })).toBe(ms)
  })
})
