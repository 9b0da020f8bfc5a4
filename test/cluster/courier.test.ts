import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Courier, MAX_QUEUED_BYTES, type Message, QUIET_MS } from "../../src/cluster/courier.ts"
import { Wheel } from "../../src/server/sessions/wheel.ts"

/** One process's courier, and what its host was told. */
interface Side {
  readonly courier: Courier
  readonly heard: Message[]
  readonly lost: number[]
  readonly overflowed: string[]
  readonly failures: unknown[]
}

/** Two couriers, and the frames between them: a test says which of those arrive. */
function createPair() {
  const runtime = createVirtualRuntime()
  /** What the end of the turn of the event loop runs. */
  const atTurn: (() => void)[] = []
  const frames: { to: string; data: Uint8Array }[] = []
  const sides = new Map<string, Side>()
  const wheel = new Wheel({ ...runtime, turn: (run) => void atTurn.push(run) }, 0)
  const createSide = (hub: string): Side => {
    const heard: Message[] = []
    const lost: number[] = []
    const overflowed: string[] = []
    const failures: unknown[] = []
    const courier = new Courier({
      publish: (to, data) => void frames.push({ to, data }),
      clockwork: wheel,
      hub,
      topicOf: (to) => to,
      hear: (_from, messages) => void heard.push(...messages),
      lost: (_from, number) => void lost.push(number),
      overflowed: (to) => void overflowed.push(to),
      failed: (error) => void failures.push(error),
    })
    const side = { courier, heard, lost, overflowed, failures }
    sides.set(hub, side)
    return side
  }
  const a = createSide("a")
  const b = createSide("b")
  /** Delivers the frames that were published, as `which` picks them. */
  const deliver = (which: (at: number) => boolean = () => true): void => {
    runtime.drain()
    for (const [at, { to, data }] of frames.splice(0).entries()) if (which(at)) sides.get(to)?.courier.take(data)
  }
  const endTurn = (): void => {
    for (const run of atTurn.splice(0)) run()
  }
  return { runtime, wheel, frames, a, b, deliver, endTurn }
}

describe("a courier", () => {
  it("publishes what is said to one process in one tick as one frame, in order", () => {
    const { runtime, frames, a, b, deliver } = createPair()
    for (let at = 0; at < 5; at++) a.courier.send("b", [at, "text", new Uint8Array([at])])
    runtime.drain()
    expect(frames).toHaveLength(1)
    deliver()
    expect(b.heard).toEqual([0, 1, 2, 3, 4].map((at) => [at, "text", new Uint8Array([at])]))
    expect(b.lost).toEqual([])
  })

  it("goes behind what others say at the end of the same tick", () => {
    const { runtime, wheel, frames, a } = createPair()
    a.courier.send("b", [1])
    wheel.flushSoon({ flushNow: () => a.courier.send("b", [2]) })
    runtime.drain()
    expect(frames).toHaveLength(1)
  })

  it("publishes what may wait at the end of the turn, that of all its ticks in one frame", () => {
    const { runtime, frames, a, b, deliver, endTurn } = createPair()
    for (let at = 0; at < 5; at++) {
      a.courier.send("b", [at], true)
      runtime.drain()
    }
    expect(frames).toEqual([])
    endTurn()
    expect(frames).toHaveLength(1)
    deliver()
    expect(b.heard).toEqual([[0], [1], [2], [3], [4]])
  })

  it("sends what may wait along with what may not, and in front of it", () => {
    const { runtime, frames, a, b, deliver, endTurn } = createPair()
    a.courier.send("b", [1], true)
    runtime.drain()
    a.courier.send("b", [2])
    a.courier.send("b", [3], true)
    deliver()
    expect(b.heard).toEqual([[1], [2], [3]])
    a.courier.send("b", [4], true)
    endTurn()
    deliver()
    endTurn()
    runtime.drain()
    expect(b.heard.at(-1)).toEqual([4])
    expect(frames).toEqual([])
  })

  it("keeps what may wait when the connection is lost in that turn", () => {
    const { a, b, deliver, endTurn } = createPair()
    a.courier.send("b", [1], true)
    a.courier.connected(false)
    endTurn()
    deliver()
    expect(b.heard).toEqual([])
    a.courier.connected(true)
    deliver()
    expect(b.heard).toEqual([[1]])
  })

  it("drops a frame that comes again", () => {
    const { runtime, frames, a, b, deliver } = createPair()
    a.courier.send("b", [1])
    runtime.drain()
    frames.push(...frames)
    deliver()
    expect(b.heard).toEqual([[1]])
    expect(b.lost).toEqual([])
  })

  it("tells that a frame is missing before what the next one brings, and goes on from there", () => {
    const { runtime, a, b, deliver } = createPair()
    a.courier.send("b", [1])
    deliver()
    a.courier.send("b", [2])
    runtime.drain()
    a.courier.send("b", [3])
    deliver((at) => at === 1)
    expect(b.heard).toEqual([[1], [3]])
    expect(b.lost).toEqual([a.courier.nextNumber("b") - 1])
    a.courier.send("b", [4])
    deliver()
    expect(b.heard).toEqual([[1], [3], [4]])
    expect(b.lost).toHaveLength(1)
  })

  it("has the loss of the last frame noticed soon, and is silent then", () => {
    const { runtime, frames, a, b, deliver } = createPair()
    a.courier.send("b", [1])
    deliver()
    a.courier.send("b", [2])
    deliver(() => false)
    runtime.advance(QUIET_MS)
    deliver()
    expect(b.lost).toHaveLength(1)
    expect(b.heard).toEqual([[1]])
    runtime.advance(10 * QUIET_MS)
    expect(frames).toEqual([])
    expect(runtime.pending()).toBe(0)
  })

  it("cuts what is too large for one publish, and drops it whole if one piece is missing", () => {
    const { runtime, frames, a, b, deliver } = createPair()
    const large = new Uint8Array(1_000_000).map((_, at) => at % 251)
    a.courier.send("b", [large])
    runtime.drain()
    expect(frames.length).toBeGreaterThan(3)
    expect(Math.max(...frames.map(({ data }) => data.length))).toBeLessThan(300_000)
    deliver()
    expect(Buffer.compare(Buffer.from(large), b.heard[0]?.[0] as Uint8Array)).toBe(0)
    for (const missing of [0, 1, 3]) {
      a.courier.send("b", [large])
      runtime.drain()
      a.courier.send("b", [missing])
      deliver((at) => at !== missing)
      expect(b.heard.at(-1)).toEqual([missing])
    }
    expect(b.heard).toHaveLength(4)
    expect(b.lost).toHaveLength(3)
    expect(b.failures).toEqual([])
  })

  it("takes the first frame of a process as nothing missing, and any other of an unknown one as a loss", () => {
    const { a, b, deliver } = createPair()
    a.courier.send("b", [1])
    deliver()
    expect(b.lost).toEqual([])
    b.courier.forget("a")
    a.courier.send("b", [2])
    deliver()
    expect(b.lost).toHaveLength(1)
    expect(b.heard).toEqual([[1], [2]])
  })

  it("tells a process that was forgotten and forgets in turn: its numbers begin again above the old ones", () => {
    const { runtime, a, b, deliver } = createPair()
    for (let at = 0; at < 9; at++) {
      a.courier.send("b", [at])
      deliver()
    }
    runtime.advance(1)
    a.courier.forget("b")
    a.courier.send("b", [9])
    deliver()
    expect(b.heard.at(-1)).toEqual([9])
    expect(b.lost).toHaveLength(1)
  })

  it("keeps what is said while nobody can be reached, within a bound", () => {
    const { frames, runtime, a, b, deliver } = createPair()
    a.courier.send("b", [1])
    deliver()
    a.courier.connected(false)
    a.courier.send("b", [2])
    runtime.drain()
    expect(frames).toEqual([])
    a.courier.connected(true)
    deliver()
    expect(b.heard).toEqual([[1], [2]])
    a.courier.connected(false)
    for (let at = 0; at < 9; at++) a.courier.send("b", [new Uint8Array(MAX_QUEUED_BYTES / 8)])
    expect(a.overflowed).toEqual(["b"])
    a.courier.connected(true)
    a.courier.send("b", [3])
    deliver()
    expect(b.heard.at(-1)).toEqual([3])
    expect(b.lost).toHaveLength(1)
    expect(b.failures).toEqual([])
  })

  it("reports what is no frame, and goes on", () => {
    const { a, b, deliver } = createPair()
    b.courier.take(new Uint8Array([0xc1]))
    expect(b.failures).toHaveLength(1)
    a.courier.send("b", [1])
    deliver()
    expect(b.heard).toEqual([[1]])
  })
})
