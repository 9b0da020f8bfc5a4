import { describe, expect, it } from "vitest"
import type { Link } from "../../src/session/link.ts"
import { HIGH_WATER_BYTES, Pace, WINDOW_BYTES } from "../../src/session/pace.ts"
import { createPair, type Pair } from "../model/pair.ts"

const WIRE: Link = { name: "wire", bufferedBytes: 0, send() {}, close() {} }
const HTTP: Link = { ...WIRE, exchanges: true }
/** An HTTP link of which the hub holds one poll, and (below) two polls. */
const ASKED: Link = { ...HTTP, asked: 1 }
const ASKED_TWICE: Link = { ...HTTP, asked: 2 }
const PLENTY = 1e9
/** A round trip so long that the window grows by its fixed factor of eight: the rate that was seen allows no more. */
const FAR_MS = 200
const KIB = 1_024
const MIB = 1_048_576

/** A pace whose sender always has more to send, with the marks that are in flight. */
class Sender {
  readonly pace = new Pace()
  now = 1_000_000
  link = WIRE
  readonly marks: number[] = []
  /** How many bytes had been given to this link when the last mark was sent. */
  markedBytes = 0
  #handed = 0
  #token = 0

  /** Sends as much as the pace allows, and returns the number of bytes. */
  fill(bytes = PLENTY): number {
    const { pace } = this
    pace.begin(this.link, this.now)
    let handed = 0
    this.#mark(bytes)
    while (!pace.isFull(bytes) && handed < bytes) {
      const part = Math.min(pace.partBytes, bytes - handed)
      pace.handed(part, this.now)
      handed += part
      this.#handed += part
      this.#mark(bytes)
    }
    this.#mark(bytes, true)
    return handed
  }

  /** The current window in bytes: how much an idle link may be given. */
  window(): number {
    this.pace.linked()
    this.marks.length = 0
    this.#handed = 0
    return this.fill()
  }

  /**
   * Sends one window on a fresh link and answers only its last mark. Returns how many bytes were sent before that mark.
   */
  answerLast(rttMs: number, lineMs: number): number {
    this.window()
    const bytes = this.markedBytes
    this.now += rttMs
    this.pace.answered(this.marks.splice(0).at(-1) ?? 0, lineMs, this.now)
    return bytes
  }

  /** Answers all marks after `rttMs`, of which they spent `lineMs` in a queue. */
  answerAll(rttMs: number, lineMs = 0): void {
    this.now += rttMs
    for (const token of this.marks.splice(0)) this.pace.answered(token, lineMs, this.now)
  }

  /** Runs `many` round trips, each of which sends a window and answers its marks. */
  rounds(many: number, rttMs: number, lineMs = 0): this {
    for (let n = 0; n < many; n++) {
      this.fill()
      this.answerAll(rttMs, lineMs)
    }
    return this
  }

  #mark(bytes: number, isLast = false): void {
    if (!this.pace.isMarkDue(this.#token + 1, bytes, this.now, isLast)) return
    this.marks.push(++this.#token)
    this.markedBytes = this.#handed
  }
}

/** Asserts that a window was sent, or up to one part more: the part that crosses the limit is sent whole. */
function expectAbout(bytes: number, windowBytes: number, partBytes: number): void {
  expect(bytes).toBeGreaterThanOrEqual(windowBytes)
  expect(bytes).toBeLessThan(windowBytes + partBytes)
}

describe("the pace of a link of which nothing is known", () => {
  it("allows 16 KiB in parts of 1 KiB, until a mark is answered", () => {
    const sender = new Sender()
    expect([sender.pace.partBytes, sender.fill(), sender.fill()]).toEqual([KIB, WINDOW_BYTES, 0])
  })

  it("tells the application to wait above 4 KiB", () => {
    expect(new Pace().highWaterBytes).toBe(HIGH_WATER_BYTES)
  })

  it("is not full while little waits, however much was sent and acknowledged before", () => {
    const { pace } = new Sender()
    pace.begin(WIRE, 0)
    pace.handed(MIB, 0)
    expect([pace.isFull(WINDOW_BYTES - 1), pace.isFull(WINDOW_BYTES)]).toEqual([false, true])
  })
})

describe("the marks of a pace", () => {
  it("are one before a burst, and one for each third of the smaller limit", () => {
    const sender = new Sender()
    sender.fill()
    expect(sender.marks.length).toBe(1 + Math.floor(WINDOW_BYTES / (2 * KIB)))
  })

  it("are one for each half of the limit over HTTP, where an ack is a request of its own", () => {
    const sender = new Sender()
    sender.link = HTTP
    sender.fill()
    expect(sender.marks.length).toBe(1 + Math.floor(WINDOW_BYTES / (2 * KIB)))
  })

  it("are one before and one after a poll's whole answer, because that goes in one piece", () => {
    const sender = new Sender()
    sender.link = ASKED
    sender.fill()
    expect([sender.marks.length, sender.markedBytes]).toEqual([2, WINDOW_BYTES])
  })

  it("are none while less than a quarter of the limit waits", () => {
    const { pace } = new Sender()
    pace.begin(WIRE, 1_000_000)
    expect([
      pace.isMarkDue(1, HIGH_WATER_BYTES / 4 - 1, 1_000_000, false),
      pace.isMarkDue(2, HIGH_WATER_BYTES / 4, 1_000_000, false),
    ]).toEqual([false, true])
  })

  it("are at most 16 unanswered ones, however long the answers take", () => {
    const sender = new Sender().rounds(4, 20)
    for (let n = 0; n < 100; n++) {
      sender.fill()
      sender.now += 10_000
    }
    expect(sender.marks.length).toBeLessThanOrEqual(16)
  })

  it("are at most one in 100 ms where the window is not used", () => {
    const sender = new Sender().rounds(3, 20)
    let marks = 0
    for (let n = 0; n < 100; n++) {
      sender.fill(KIB)
      marks += sender.marks.length
      sender.answerAll(10)
    }
    expect(marks).toBeLessThanOrEqual(10)
  })

  it("measure the round trip when they are answered; other probes measure nothing", () => {
    const sender = new Sender()
    sender.fill()
    expect([sender.pace.answered(99, 0, sender.now + 70), sender.pace.answered(1, 0, sender.now + 70)]).toEqual([
      undefined,
      70,
    ])
  })

  it("are answered once each, and an answer makes all earlier marks useless", () => {
    const sender = new Sender()
    sender.fill()
    const { pace, now } = sender
    expect([pace.answered(3, 0, now + 70), pace.answered(3, 0, now + 80), pace.answered(2, 0, now + 80)]).toEqual([
      70,
      undefined,
      undefined,
    ])
  })

  it("of one link are forgotten when another link is in use", () => {
    const sender = new Sender()
    sender.fill()
    sender.pace.linked()
    expect(sender.pace.answered(1, 0, sender.now + 70)).toBeUndefined()
  })
})

describe("the window of a pace", () => {
  it("has room again for bytes whose mark was answered, before they are acknowledged", () => {
    const sender = new Sender()
    sender.fill()
    sender.now += 20
    sender.pace.answered(sender.marks[2] ?? 0, 500, sender.now)
    expect(sender.fill()).toBeGreaterThanOrEqual(3 * KIB)
  })

  it("grows eightfold with each round trip until a queue forms", () => {
    const windows = [0, 1, 2, 3].map((rounds) => new Sender().rounds(rounds, FAR_MS).window())
    for (const [n, bytes] of windows.entries()) expectAbout(bytes, WINDOW_BYTES * 8 ** n, 65_536)
  })

  it("grows by more where a short round trip proves a higher rate: to a queue of 850 ms at that rate", () => {
    const sender = new Sender()
    const flight = sender.answerLast(10, 0)
    expectAbout(sender.window(), flight * (1 + 850 / 10), 65_536)
  })

  it("grows no further than to what makes a queue of 850 ms, once a queue was seen", () => {
    const sender = new Sender().rounds(1, FAR_MS)
    const flight = sender.answerLast(400, 300)
    expectAbout(sender.window(), (flight / 300) * (100 + 850), 65_536)
  })

  it("does not grow while the sender has little to send, because that proves nothing about the rate", () => {
    const sender = new Sender()
    for (let n = 0; n < 10; n++) {
      sender.fill(HIGH_WATER_BYTES / 4 - 1)
      sender.answerAll(200)
    }
    expectAbout(sender.window(), WINDOW_BYTES, KIB)
  })

  it("shrinks to what makes a queue of 850 ms where the queue is longer", () => {
    const sender = new Sender().rounds(2, FAR_MS)
    const before = sender.window()
    sender.answerAll(2_800, 2_700)
    const after = sender.window()
    expect(after).toBeLessThan(before / 2)
    expect(after).toBeGreaterThan(before / 5)
  })

  it("shrinks once for all marks of one window, not once for each mark", () => {
    const sender = new Sender().rounds(2, FAR_MS)
    sender.fill()
    const marks = sender.marks.splice(0)
    sender.now += 2_800
    for (const token of marks.slice(-2)) sender.pace.answered(token, 2_700, sender.now)
    const shrunk = sender.window()
    expect(shrunk).toBeGreaterThan((WINDOW_BYTES * 64) / 5)
  })

  it("does not shrink to the few bytes that an almost idle sender sent, however long the queue is", () => {
    const sender = new Sender().rounds(2, FAR_MS)
    sender.now += 1_000
    sender.fill(sender.pace.highWaterBytes / 2)
    expect(sender.marks.length).toBeGreaterThan(0)
    sender.answerAll(1_000, 900)
    // 100 ms of round trip without the queue and 850 ms of queue, where the mark took one second in all.
    expectAbout(sender.window(), 0.95 * 64 * WINDOW_BYTES, 65_536)
  })

  it("does not grow for one quick answer after a queue, and grows for two in a row", () => {
    const [before = 0, once = 0, twice = 0] = [0, 1, 2].map((quick) => {
      const sender = new Sender()
      sender.link = ASKED
      sender.rounds(4, 1_000, 700).rounds(quick, 150, 120)
      sender.link = WIRE
      return sender.window()
    })
    expect(once).toBeLessThan(1.1 * before)
    expect(twice).toBeGreaterThan(2 * before)
  })

  it.each([
    ["a wire", WIRE, 2 * KIB],
    ["HTTP, where an ack has to be worth an exchange", HTTP, 8 * KIB],
  ])("is never less than what is worth a round trip, over %s", (_, link, leastBytes) => {
    const sender = new Sender()
    sender.link = link
    sender.rounds(20, 60_000, 59_000)
    expectAbout(sender.window(), leastBytes, KIB)
  })

  it.each([
    ["a wire", WIRE],
    ["HTTP", HTTP],
    ["HTTP where the other end asks", ASKED],
  ])("allows a queue of 850 ms over %s", (_, link) => {
    const sender = new Sender().rounds(1, FAR_MS)
    sender.link = link
    const flight = sender.answerLast(500, 400)
    sender.link = WIRE
    expectAbout(sender.window(), (flight / 400) * (100 + 850), 65_536)
  })

  it.each([
    ["for 300 ms longer than the quickest answer took", 100, 2_000, 100 + 300],
    ["for 1.2 s in all", 1_500, 2_000, 1_200],
    ["for as long as they take otherwise", 100, 300, 300],
  ])("waits for answers %s", (_, quickMs, restMs, waitedMs) => {
    const sender = new Sender().rounds(1, quickMs)
    const before = sender.markedBytes
    sender.fill()
    const flight = sender.markedBytes - before
    sender.answerAll(restMs + 300, 300)
    expectAbout(sender.window(), (flight / 300) * (waitedMs + 850), 65_536)
  })

  it("makes the application wait above one second's worth of it", () => {
    const sender = new Sender().rounds(1, FAR_MS)
    const flight = sender.answerLast(500, 400)
    expect(sender.pace.highWaterBytes).toBe(Math.floor((flight / 400) * (100 + 1_000)))
  })

  it("is kept for 5 s without news, then halved for each further 5 s, down to 16 KiB", () => {
    const windows = [0, 4_999, 5_000, 10_000, 15_000, 60_000].map((idleMs) => {
      const sender = new Sender().rounds(2, FAR_MS)
      sender.now += idleMs
      return sender.window()
    })
    const [full = 0, ...others] = windows
    expectAbout(full, 64 * WINDOW_BYTES, 65_536)
    for (const [n, share] of [1, 1 / 2, 1 / 4, 1 / 8].entries())
      expectAbout(others[n] ?? 0, full * share - 65_536, 131_072)
    expectAbout(others[4] ?? 0, WINDOW_BYTES, KIB)
  })

  it("that is smaller than 16 KiB stays so, however old it is", () => {
    const sender = new Sender().rounds(20, 60_000, 59_000)
    sender.now += 600_000
    expectAbout(sender.window(), 2 * KIB, KIB)
  })

  it("of the last link is where that of the next link begins", () => {
    const sender = new Sender().rounds(2, FAR_MS)
    sender.pace.linked()
    expectAbout(sender.fill(), 64 * WINDOW_BYTES, 65_536)
  })
})

describe("the limit for what answers one poll", () => {
  it.each([
    ["all of the window until a line is met", ASKED, 0, 1],
    ["half of it from then on, because the other half is on its way meanwhile", ASKED, 300, 1 / 2],
    ["a quarter of it while two polls wait", ASKED_TWICE, 300, 1 / 4],
  ])("is at most %s", (_, link, lineMs, share) => {
    const sender = new Sender().rounds(3, 400, lineMs)
    const window = sender.window()
    sender.link = link
    expect(sender.window() / window).toBeCloseTo(share, 1)
  })

  it("leaves the other half of the window to the second poll, and nothing to a third", () => {
    const sender = new Sender().rounds(3, 400, 300)
    const window = sender.window()
    sender.link = ASKED
    const answers = [sender.window(), sender.fill(), sender.fill()]
    for (const [n, share] of [1 / 2, 1 / 2, 0].entries()) expect((answers[n] ?? 0) / window).toBeCloseTo(share, 1)
  })
})

describe("the size of the parts of packets", () => {
  it.each([
    [0, KIB],
    [1, 2 * KIB],
    [2, 16 * KIB],
    [3, 128 * KIB],
    [5, 2 * MIB],
  ])("after %i round trips without a queue is %i bytes: a share of the window, and at most 2 MiB", (rounds, bytes) => {
    const { pace } = new Sender().rounds(rounds, FAR_MS)
    pace.begin(WIRE, 1_001_000)
    expect(pace.partBytes).toBe(bytes)
  })

  it("is a kilobyte on the slowest link", () => {
    const sender = new Sender().rounds(20, 60_000, 59_000)
    sender.fill()
    expect(sender.pace.partBytes).toBe(KIB)
  })
})

describe("the high water of a pace", () => {
  it("follows the rate of the link, where no queue forms", () => {
    expect(new Sender().rounds(3, 20).pace.highWaterBytes).toBeGreaterThanOrEqual(8 * HIGH_WATER_BYTES)
  })

  it("falls to what makes a queue of one second where the queue is longer", () => {
    const sender = new Sender().rounds(3, 20)
    const { highWaterBytes } = sender.pace
    sender.rounds(1, 4_000, 3_900)
    expect(sender.pace.highWaterBytes).toBeLessThan(highWaterBytes)
  })

  it("is never below two parts", () => {
    expect(new Sender().rounds(20, 60_000, 59_000).pace.highWaterBytes).toBe(2 * KIB)
  })
})

/** Two sessions over one link, one of which always has more to send than the link carries. */
class Busy {
  readonly pair: Pair
  readonly bytesPerSecond: number

  constructor(bytesPerSecond: number, roundTripMs: number) {
    this.bytesPerSecond = bytesPerSecond
    this.pair = createPair(1, false)
    const { network, dialing } = this.pair
    network.delay(roundTripMs / 2)
    network.limit({ upBytesPerSecond: bytesPerSecond, downBytesPerSecond: bytesPerSecond })
    dialing.dial(true)
    // Before the rate is measured, the first window stands in the queue. This lets it pass.
    this.pass(Math.ceil((1_000 * 2 * WINDOW_BYTES) / bytesPerSecond) + 10 * roundTripMs)
  }

  /**
   * Lets time pass. Returns the longest queuing delay that a probe would have had, and the used share of the link's
   * rate.
   */
  pass(ms: number): { longestMs: number; share: number } {
    const { network, runtime, dialing } = this.pair
    const before = network.carried.up.bytes
    let longestMs = 0
    for (let passed = 0; passed < ms; passed += 20) {
      while (dialing.session.bufferedBytes < 4 * this.bytesPerSecond + 100_000) dialing.say(20_000, false)
      runtime.advance(20)
      longestMs = Math.max(longestMs, (1_000 * network.queuedBytes.up) / this.bytesPerSecond)
    }
    return { longestMs, share: (1_000 * (network.carried.up.bytes - before)) / ms / this.bytesPerSecond }
  }
}

/**
 * The longest queuing delay allowed for a probe: one second, and the time of four of the smallest parts, because data
 * moves in whole parts.
 */
function limitMs(bytesPerSecond: number): number {
  return 1_000 + (4 * KIB * 1_000) / bytesPerSecond
}

const RATES = [2_500, 18_750, 62_500, 250_000, 2_500_000]
const ROUND_TRIPS_MS = [20, 200, 600]

describe.each(
  RATES.flatMap((bytesPerSecond) => ROUND_TRIPS_MS.map((roundTripMs) => ({ bytesPerSecond, roundTripMs }))),
)("a session at $bytesPerSecond bytes/s and $roundTripMs ms", ({ bytesPerSecond, roundTripMs }) => {
  it("keeps its link busy, and the queue before a probe under about a second", () => {
    const { longestMs, share } = new Busy(bytesPerSecond, roundTripMs).pass(10_000)
    expect(longestMs).toBeLessThanOrEqual(limitMs(bytesPerSecond))
    expect(share).toBeGreaterThan(0.95)
  })
})

describe("a session whose link becomes", () => {
  it("eight times slower has a queue of one second again within 15 s", () => {
    const busy = new Busy(250_000, 200)
    Object.assign(busy, { bytesPerSecond: 31_250 })
    busy.pair.network.limit({ upBytesPerSecond: 31_250 })
    busy.pass(15_000)
    const { longestMs, share } = busy.pass(10_000)
    expect(longestMs).toBeLessThanOrEqual(limitMs(busy.bytesPerSecond))
    expect(share).toBeGreaterThan(0.95)
  })

  it("eight times faster is kept busy again within 15 s", () => {
    const busy = new Busy(31_250, 200)
    Object.assign(busy, { bytesPerSecond: 250_000 })
    busy.pair.network.limit({ upBytesPerSecond: 250_000 })
    busy.pass(15_000)
    const { longestMs, share } = busy.pass(10_000)
    expect(longestMs).toBeLessThanOrEqual(limitMs(busy.bytesPerSecond))
    expect(share).toBeGreaterThan(0.95)
  })
})
