import { describe, expect, it } from "vitest"
import { afterWelcome, type Climb, type Move, nextMove, type Rival } from "../../src/client/connect/climb.ts"
import type { Candidate } from "../../src/client/connect/ladder.ts"

// The ladder of these rows: 0 websocket, 1 sse (a stream, which keeps a connection), 2 long-poll (which keeps one, too),
// 3 short-poll. A climb begins at 0 ms, and round trips are not measured yet, unless a row says otherwise.

/** An attempt at this rank that was dialed at 0 ms and has not been answered. */
function dialed(rank: number, more: Partial<Rival> = {}): Rival {
  return { rank, startedAt: 0, movedAt: 0, welcomedAt: 0, link: { exchanges: rank > 1 }, proved: rank !== 1, ...more }
}

/** An attempt that carries the talk since a welcome after 100 ms. */
const working = (rank: number, more: Partial<Rival> = {}): Rival =>
  dialed(rank, { welcomedAt: 100, movedAt: 100, ...more })

const failed = (rank: number): Rival => dialed(rank, { over: true })

/** These rungs, in the order in which they are to be dialed. */
const planned = (...ranks: number[]): Candidate[] =>
  ranks.map((rank) => ({ rank, holds: rank === 1 || rank === 2, brokenUntil: 0 }))

/** What a row says of the situation; the rest is as at the beginning of a climb. */
interface Row {
  readonly rule: string
  readonly now?: number
  readonly isLate?: boolean
  readonly climb?: Partial<Climb>
  readonly current?: Rival
  readonly newcomers?: readonly Rival[]
  /** Rank of the link that was well until it broke. */
  readonly known?: number
  readonly failures?: number
  readonly lastCode?: string
  readonly rttMs?: number
  readonly portalMs?: number
  readonly freeAt?: number | undefined
  readonly move: Move
}

function moveOf({ now = 0, isLate = false, climb, current, newcomers = [], known, failures = 0, ...row }: Row): Move {
  const { lastCode = "network", rttMs = 0, portalMs = Infinity } = row
  const freeAt = "freeAt" in row ? row.freeAt : 0
  const whole = { plan: [], started: 0, failed: [], hedges: 0, ...climb }
  return nextMove(now, isLate, whole, current, newcomers, known, failures, lastCode, rttMs, portalMs, freeAt)
}

const websocket = dialed(0)
const sse = dialed(1)
const poll = dialed(2)

/** A climb whose rungs were all dialed, the last of them like this. */
const allDialed = (last: Rival): Partial<Climb> => ({ plan: [], started: 4, last })
function rows(title: string, all: readonly Row[]): void {
  describe(title, () => {
    it.each(all)("$rule", (row) => {
      expect(moveOf(row)).toEqual(row.move)
    })
  })
}

rows("a first climb", [
  { rule: "dials its first rung at once", climb: { plan: planned(0, 1) }, move: ["dial", 0] },
  {
    rule: "waits 300 ms for it before it dials the next",
    now: 299,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["wait", 300],
  },
  {
    rule: "then dials the next beside it",
    now: 300,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["dial", 1],
  },
  {
    rule: "waits two round trips instead where those are longer",
    now: 300,
    rttMs: 400,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["wait", 800],
  },
  {
    rule: "dials the next at once when a rung fails",
    now: 10,
    climb: { plan: planned(1), started: 1, last: failed(0) },
    move: ["dial", 1],
  },
  {
    rule: "dials the third 900 ms after the second, however long the round trip",
    now: 1_199,
    rttMs: 600,
    climb: { plan: planned(2), started: 2, last: dialed(1, { startedAt: 300, movedAt: 300 }) },
    newcomers: [websocket],
    move: ["wait", 1_200],
  },
  {
    rule: "dials the fourth, and each one behind it, 1.3 s after the one before",
    now: 1_000,
    climb: { plan: planned(3), started: 7, last: poll },
    newcomers: [poll],
    move: ["wait", 1_300],
  },
  {
    rule: "ends a dial that nobody has answered for 10 s",
    now: 10_000,
    climb: allDialed(websocket),
    newcomers: [websocket],
    move: ["end", websocket],
  },
  {
    rule: "counts the 10 s from the last sign that the dial is being answered",
    now: 10_000,
    climb: { ...allDialed(dialed(2, { movedAt: 9_000 })), hedges: 1 },
    newcomers: [dialed(2, { movedAt: 9_000 })],
    move: ["wait", 19_000],
  },
  {
    rule: "ends a dial after 2 s behind a captive portal",
    now: 2_000,
    portalMs: 2_000,
    climb: { ...allDialed(websocket), hedges: 1 },
    newcomers: [websocket],
    move: ["end", websocket],
  },
  {
    rule: "dials the best rung once more when every rung was dialed and none has answered for 2 s",
    now: 2_000,
    climb: allDialed(poll),
    newcomers: [poll, sse],
    move: ["dial", 1],
  },
  {
    rule: "waits four round trips for that where those are longer",
    now: 2_000,
    rttMs: 1_000,
    climb: allDialed(poll),
    newcomers: [poll],
    move: ["wait", 4_000],
  },
  {
    rule: "counts the 2 s from the last sign that the dial is being answered, too",
    now: 2_000,
    climb: allDialed(dialed(2, { movedAt: 500 })),
    newcomers: [dialed(2, { movedAt: 500 })],
    move: ["wait", 2_500],
  },
  {
    rule: "does so once",
    now: 2_000,
    climb: { ...allDialed(poll), hedges: 1 },
    newcomers: [poll],
    move: ["wait", 10_000],
  },
  { rule: "is over when every rung has failed", climb: allDialed(failed(3)), move: ["rest"] },
])

rows("a climb beside a link that works", [
  {
    rule: "is over when nothing else is on its way",
    current: working(0),
    climb: allDialed(websocket),
    move: ["rest"],
  },
  {
    rule: "dials better rungs at once",
    now: 200,
    current: working(2),
    climb: { plan: planned(0) },
    move: ["dial", 0],
  },
  {
    rule: "lets a better rung go on, for 10 s",
    now: 5_000,
    current: working(2),
    climb: { ...allDialed(websocket), reprobeAt: 60_000 },
    newcomers: [websocket],
    move: ["wait", 10_000],
  },
  {
    rule: "sets the time of the next climb when a better rung hangs in this one",
    now: 200,
    current: working(2),
    climb: allDialed(websocket),
    newcomers: [websocket],
    move: ["hang"],
  },
  {
    rule: "waits for that time, where it comes before the end of the dial",
    now: 200,
    current: working(2),
    climb: { ...allDialed(websocket), reprobeAt: 3_200 },
    newcomers: [websocket],
    move: ["wait", 3_200],
  },
  {
    rule: "is followed by the next one when it has come",
    now: 3_200,
    current: working(2),
    climb: { ...allDialed(websocket), reprobeAt: 3_200 },
    newcomers: [websocket],
    move: ["ask"],
  },
  {
    rule: "goes on beside a stream that has not proved itself, and sets no such time",
    now: 200,
    current: working(1, { proved: false }),
    climb: allDialed(websocket),
    newcomers: [websocket],
    move: ["wait", 2_000],
  },
  {
    rule: "ends a better rung that was welcomed and does not answer the probe",
    now: 10_000,
    current: working(2),
    climb: allDialed(websocket),
    newcomers: [working(0, { movedAt: 0 })],
    move: ["end", working(0, { movedAt: 0 })],
  },
  {
    rule: "gives a verdict to better rungs that failed, and to no others",
    current: working(2),
    climb: { failed: [failed(0), failed(3), failed(1)] },
    move: ["condemn", [failed(0), failed(1)]],
  },
  {
    rule: "dials the next rung after 300 ms as ever, because the server is there",
    now: 300,
    current: working(2),
    known: 2,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["dial", 1],
  },
  {
    rule: "gives none for a stream that has not proved itself",
    now: 150,
    current: working(1, { proved: false }),
    climb: { failed: [failed(0)] },
    move: ["wait", Infinity],
  },
])

rows("a stream that was welcomed", [
  {
    rule: "has as long to prove itself as its welcome took, before the next rung is dialed",
    now: 1_500,
    current: working(1, { proved: false, welcomedAt: 1_000 }),
    climb: { plan: planned(2), started: 2, last: sse },
    move: ["wait", 2_000],
  },
  {
    rule: "does not keep the next rung from being dialed then, although it was dialed last",
    now: 2_000,
    known: 1,
    current: working(1, { proved: false, welcomedAt: 1_000 }),
    climb: { plan: planned(2), started: 2, last: working(1) },
    move: ["dial", 2],
  },
])

rows("a link that is doubted", [
  {
    rule: "is replaced by the first rung at once",
    now: 5_000,
    current: working(2, { doubted: true }),
    climb: { plan: planned(0) },
    newcomers: [dialed(3, { movedAt: 5_000 })],
    move: ["dial", 0],
  },
  {
    rule: "has the best rung dialed again after 400 ms, because a pool may hold other dead connections",
    now: 400,
    current: working(2, { doubted: true }),
    climb: allDialed(poll),
    newcomers: [poll],
    move: ["dial", 2],
  },
  {
    rule: "three times at most",
    now: 400,
    current: working(2, { doubted: true }),
    climb: { ...allDialed(poll), hedges: 3 },
    newcomers: [poll],
    move: ["wait", 10_000],
  },
])

rows("a climb after a link that was well has broken", [
  {
    rule: "waits 2 s for the rung that was well before it dials the next",
    now: 1_999,
    known: 0,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["wait", 2_000],
  },
  {
    rule: "waits 4 s once a climb has failed",
    now: 2_000,
    known: 0,
    failures: 1,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["wait", 4_000],
  },
  {
    rule: "is over when that rung meets nobody",
    known: 0,
    climb: { plan: planned(1), started: 1, last: failed(0) },
    move: ["rest"],
  },
  {
    rule: "goes on where that rung was refused by an answer",
    known: 0,
    lastCode: "refused",
    climb: { plan: planned(1), started: 1, last: failed(0) },
    move: ["dial", 1],
  },
  {
    rule: "goes on where a rung failed that was not the one that was well",
    known: 0,
    climb: { plan: planned(2), started: 2, last: failed(1) },
    move: ["dial", 2],
  },
  {
    rule: "goes on while another dial is on its way",
    known: 0,
    climb: { plan: planned(1), started: 2, last: failed(0) },
    newcomers: [poll],
    move: ["dial", 1],
  },
  {
    rule: "goes on while there is a link, though it is doubted",
    known: 0,
    current: working(2, { doubted: true }),
    climb: { plan: planned(1), started: 1, last: failed(0) },
    move: ["dial", 1],
  },
  {
    rule: "asks every rung once in four climbs",
    known: 0,
    failures: 3,
    climb: { plan: planned(1), started: 1, last: failed(0) },
    move: ["dial", 1],
  },
  {
    rule: "dials a websocket no second time beside itself",
    now: 2_000,
    known: 0,
    climb: allDialed(websocket),
    newcomers: [websocket],
    move: ["wait", 10_000],
  },
  {
    rule: "dials a rung over HTTP once more after the same 2 s",
    now: 2_000,
    known: 2,
    climb: allDialed(poll),
    newcomers: [poll],
    move: ["dial", 2],
  },
])

rows("where no connection is free", [
  {
    rule: "what holds none is dialed first",
    freeAt: Infinity,
    climb: { plan: planned(1, 2, 3) },
    move: ["plan", planned(3, 1, 2)],
  },
  {
    rule: "nothing else is dialed while a link works",
    freeAt: Infinity,
    now: 200,
    current: working(3),
    climb: { plan: planned(1, 2) },
    move: ["plan", []],
  },
  {
    rule: "what holds one is dialed when everything else has failed",
    freeAt: Infinity,
    now: 500,
    climb: { plan: planned(1), started: 1, last: failed(3) },
    move: ["dial", 1],
  },
  {
    rule: "what holds one is dialed when everything else was not welcomed for 4 s",
    freeAt: Infinity,
    now: 2_500,
    climb: { plan: planned(1), started: 1, last: dialed(3) },
    newcomers: [dialed(3)],
    move: ["wait", 4_000],
  },
  {
    rule: "none is asked for before it is needed",
    freeAt: undefined,
    now: 299,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["wait", 300],
  },
  {
    rule: "one is asked for when it is",
    freeAt: undefined,
    now: 300,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["slot"],
  },
  {
    rule: "none is asked for by what holds none",
    freeAt: undefined,
    climb: { plan: planned(0, 1) },
    move: ["dial", 0],
  },
  {
    rule: "what holds one waits until it is known whether there is one",
    freeAt: 50,
    climb: { plan: planned(1) },
    move: ["wait", 50],
  },
])

rows("an alarm that rings more than a second late", [
  {
    rule: "starts the next rung at once",
    isLate: true,
    now: 200,
    climb: { plan: planned(1), started: 1, last: websocket },
    newcomers: [websocket],
    move: ["dial", 1],
  },
  {
    rule: "gives a dial one more second, because its welcome may be read next",
    isLate: true,
    now: 12_000,
    climb: { ...allDialed(websocket), hedges: 1 },
    newcomers: [websocket],
    move: ["wait", 13_000],
  },
])

rows("a rung that has died young twice", [
  {
    rule: "takes over when it has lived for 2 s and answered",
    now: 2_100,
    current: working(2),
    climb: allDialed(websocket),
    newcomers: [working(0, { trialUntil: 2_100, heardAt: 200 })],
    move: ["adopt", working(0, { trialUntil: 2_100, heardAt: 200 })],
  },
  {
    rule: "does not before",
    now: 2_099,
    current: working(2),
    climb: { ...allDialed(websocket), reprobeAt: 60_000 },
    newcomers: [working(0, { trialUntil: 2_100, heardAt: 200 })],
    move: ["wait", 2_100],
  },
  {
    rule: "is ended when it has not answered by then",
    now: 2_100,
    current: working(2),
    climb: allDialed(websocket),
    newcomers: [working(0, { trialUntil: 2_100 })],
    move: ["end", working(0, { trialUntil: 2_100 })],
  },
])

describe("a welcome", () => {
  const fine = { rank: 2, proved: true }
  const unproved = { rank: 1, proved: false }
  const flaps = true
  it.each([
    ["carries the talk where nothing works", dialed(3), false, undefined, flaps, "adopt"],
    ["of a better rung whose hello took carries the talk", dialed(0), true, fine, !flaps, "adopt"],
    ["of a better rung that only probed has to be followed by an answer", dialed(0), false, fine, !flaps, "probe"],
    ["of a better rung that has died young twice is put on trial", dialed(0), false, fine, flaps, "trial"],
    ["of one whose hello took is let go instead: it is dialed again", dialed(0), true, fine, flaps, "let-go"],
    [
      "of a stream whose hello took is let go where something that needs no proof works",
      sse,
      true,
      fine,
      !flaps,
      "let-go",
    ],
    [
      "of what needs no proof takes over from a better stream that has not proved itself",
      poll,
      true,
      unproved,
      !flaps,
      "adopt",
    ],
    ["of a worse rung whose hello took is let go", dialed(3), true, fine, !flaps, "let-go"],
  ] as const)("%s", (_, { rank, proved }, takes, healthy, isFlapping, next) => {
    expect(afterWelcome({ rank, proved, turn: takes ? 1 : undefined }, healthy, isFlapping)).toBe(next)
  })
})
