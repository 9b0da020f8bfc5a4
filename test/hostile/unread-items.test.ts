// What peers send and loops of the application have not read: the inputs of their requests, the streams that the hub asks
// them for, and messages. Their bytes count among what the hub keeps.

import { type Acceptor, createHub, type Door, type Hub, type Link, type LinkSink, type Peer } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** A peer that sends what the test writes. */
class Abuser implements Link {
  readonly name = "wire"
  readonly bufferedBytes = 0
  readonly said: string[] = []
  closedWith: string | undefined
  readonly #sink: LinkSink

  constructor(door: Door) {
    this.#sink = door.admit(this, { transport: "wire", address: undefined, header: () => undefined })
  }
  send(batch: string | Uint8Array): void {
    this.said.push(...String(batch).split("\n"))
  }
  close({ code }: { code: string }): void {
    this.closedWith ??= code
  }
  abandon(): void {}
  hear(...packets: string[]): void {
    this.#sink.batch(packets.join("\n"))
  }
}

interface World {
  readonly hub: Hub
  readonly runtime: VirtualRuntime
  /** The errors that the hub gave to `onError`. */
  readonly errors: unknown[]
  /** Begins a session, and sends a first message on it. */
  join(): Promise<{ abuser: Abuser; peer: Peer }>
}

const MAX_KEPT_BYTES = 10_000_000

function start(): World {
  const runtime = createVirtualRuntime()
  let door: Door | undefined
  const acceptor: Acceptor = {
    name: "wire",
    open(opened) {
      door = opened
      return {}
    },
  }
  const limits = { maxKeptBytes: MAX_KEPT_BYTES, maxBytesPerSecond: Number.POSITIVE_INFINITY }
  const hub = createHub({ limits, runtime, transports: [acceptor] })
  const errors: unknown[] = []
  hub.onError((error) => errors.push(error))
  hub.on("used", () => {})
  let sessions = 0
  return {
    hub,
    runtime,
    errors,
    async join() {
      if (door === undefined) throw new Error("the hub has not opened its door")
      const id = `session-number-${String(++sessions).padStart(12, "0")}`
      const abuser = new Abuser(door)
      abuser.hear(`h${JSON.stringify({ v: 1, id, key: `key-of-${id}`, heard: 0, acked: 0, turn: 1 })}`)
      abuser.hear("n1", "mused\t1")
      await runtime.pass(10)
      const peer = [...hub.peers.values()].at(-1)
      if (peer === undefined) throw new Error("no session has begun")
      return { abuser, peer }
    },
  }
}

const MEGABYTE = "x".repeat(1_000_000)
/** Sends this many items of a megabyte, one after another, to a stream, or to the messages of a name (`m` before it). */
async function pour(runtime: VirtualRuntime, abuser: Abuser, to: string, count: number): Promise<void> {
  for (let n = 0; n < count && abuser.closedWith === undefined; n++) {
    abuser.hear(`${to.startsWith("m") ? to : `i${to}`}\t"${MEGABYTE}"`)
    await runtime.pass(10)
  }
}

/** The ways in which a peer brings what nobody reads. Each returns what begins one more loop, and where items for it go. */
const ways: Record<string, (world: World) => (peer: Peer, abuser: Abuser, n: number) => string> = {
  "the input of a request whose handler reads nothing": ({ hub }) => {
    hub.handle("upload", (_data, _peer, { input }) => {
      void input
      return new Promise(() => {})
    })
    return (_peer, abuser, n) => {
      abuser.hear(`q${n},,+\tupload\t1`)
      return `+${n}`
    }
  },
  "the input of a request whose handler has stopped after an item": ({ hub }) => {
    hub.handle("upload", async (_data, _peer, { input }) => {
      await input.next()
      return new Promise(() => {})
    })
    return (_peer, abuser, n) => {
      abuser.hear(`q${n},,+\tupload\t1`)
      abuser.hear(`i+${n}\t1`)
      return `+${n}`
    }
  },
  "a stream that the hub asks for": () => {
    return (peer, _abuser, n) => {
      peer.stream("rows")
      return `s${n}`
    }
  },
  "a stream whose items have a second field in their id": () => {
    return (peer, _abuser, n) => {
      peer.stream("rows")
      return `s${n},1`
    }
  },
  "messages of a name": () => {
    return (peer, _abuser, n) => {
      peer.messages(`row${n}`)
      return `mrow${n}`
    }
  },
  "messages of a name, of which each in a full queue replaces the oldest": () => {
    return (peer, _abuser, n) => {
      peer.messages(`row${n}`, { maxWaiting: 9, overflow: "drop-oldest" })
      return `mrow${n}`
    }
  },
}

describe.each(Object.entries(ways))("items of %s", (_, begin) => {
  it("count as kept bytes of their peer, which is closed when it keeps most of all", async () => {
    const world = start()
    const { hub, runtime } = world
    const stream = begin(world)
    const honest = await world.join()
    const { abuser, peer } = await world.join()
    const before = hub.stats().keptBytes
    await pour(runtime, abuser, stream(peer, abuser, 1), 8)
    expect(hub.stats().keptBytes - before).toBeGreaterThan(8_000_000)
    expect(hub.stats().keptBytes - before).toBeLessThan(8_100_000)
    await pour(runtime, abuser, stream(peer, abuser, 2), 8)
    expect(abuser.closedWith).toBe("over-capacity")
    expect(hub.stats()).toMatchObject({ ended: { "over-capacity": 1 }, refused: { "over-capacity": 1 } })
    expect(hub.stats().keptBytes).toBeLessThanOrEqual(before)
    expect(honest.peer.closed).toBe(false)
    expect(world.errors).toEqual([])
  })
})

describe("items that were read", () => {
  it("count no more, so that a peer may bring any number of them", async () => {
    const world = start()
    const { hub, runtime } = world
    const { abuser, peer } = await world.join()
    let count = 0
    const read = async (): Promise<void> => {
      for await (const _ of peer.stream("rows")) count++
    }
    const reading = read()
    await runtime.pass(10)
    const before = hub.stats().keptBytes
    await pour(runtime, abuser, "s1", 40)
    expect([count, abuser.closedWith]).toEqual([40, undefined])
    expect(hub.stats().keptBytes - before).toBeLessThan(10_000)
    peer.close()
    await expect(reading).rejects.toMatchObject({ code: "closed" })
  })

  it("are those that came first: the others count until their turn", async () => {
    const world = start()
    const { hub, runtime } = world
    const { abuser, peer } = await world.join()
    const loop = peer.stream("rows")
    await runtime.pass(10)
    const before = hub.stats().keptBytes
    abuser.hear(`is1\t"${"x".repeat(500_000)}"`, 'is1\t"x"', `is1\t"${"x".repeat(100_000)}"`)
    await runtime.pass(10)
    const kept: number[] = []
    for (let n = 0; n < 3; n++) {
      kept.push(hub.stats().keptBytes - before)
      await loop.next()
    }
    expect(kept.map((bytes) => Math.round(bytes / 100_000))).toEqual([6, 1, 1])
    expect(hub.stats().keptBytes - before).toBeLessThan(1_000)
  })
})

describe("messages that a loop does not keep", () => {
  it.each([
    ["drop-oldest", [3, 2, 1]],
    ["drop-newest", [3, 2, 1]],
    ["error", [3, 2, 1]],
  ] as const)(
    "do not count: with overflow %s those that wait do, and each until it is read",
    async (overflow, kept) => {
      const world = start()
      const { hub, runtime } = world
      const { abuser, peer } = await world.join()
      const before = hub.stats().keptBytes
      const megabytes = (): number => Math.round((hub.stats().keptBytes - before) / 1_000_000)
      const loop = peer.messages("row", { maxWaiting: 3, overflow })
      peer.on("row", () => {})
      await pour(runtime, abuser, "mrow", 20)
      for (const count of kept) {
        expect(megabytes()).toBe(count)
        await loop.next()
      }
      expect(megabytes()).toBe(0)
      expect(abuser.closedWith).toBe(undefined)
    },
  )

  it("are those behind the one for which the hub had no room: the loop throws over-capacity", async () => {
    const world = start()
    const { abuser, peer } = await world.join()
    const loop = peer.messages("row")
    await pour(world.runtime, abuser, "mrow", 20)
    expect(abuser.closedWith).toBe("over-capacity")
    await expect(loop.next()).rejects.toMatchObject({ code: "over-capacity" })
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    expect(world.hub.stats().keptBytes).toBe(0)
  })
})

describe("items that a peer leaves behind", () => {
  it("are let go with a request that is over, and with the session of one that is not", async () => {
    const world = start()
    const { hub, runtime } = world
    const over: (() => void)[] = []
    const inputs: AsyncGenerator<unknown>[] = []
    hub.handle("upload", (_data, _peer, { input }) => {
      inputs.push(input)
      return new Promise<void>((resolve) => over.push(resolve))
    })
    const { abuser } = await world.join()
    const before = hub.stats().keptBytes
    abuser.hear("q1,,+\tupload\t1", "q2,,+\tupload\t1")
    await pour(runtime, abuser, "+1", 3)
    await pour(runtime, abuser, "+2", 3)
    abuser.hear("r+1\t", "r+2\t") // the inputs are complete
    over[0]?.()
    await runtime.pass(10)
    expect(Math.round((hub.stats().keptBytes - before) / 1_000_000)).toBe(3)
    abuser.hear('b{"code":"closed","reason":"","retryable":false}')
    await runtime.pass(10)
    expect(hub.stats()).toMatchObject({ sessions: 0, keptBytes: 0 })
    for (const input of inputs) await expect(input.next()).rejects.toMatchObject({ code: "request-aborted" })
  })

  it("count on while a loop of the hub may read them, and are dropped first when the hub needs room", async () => {
    const world = start()
    const { hub, runtime } = world
    const loops: AsyncGenerator<unknown>[] = []
    /** Brings four megabytes and the end of the stream, and leaves. */
    const leave = async (): Promise<void> => {
      const { abuser, peer } = await world.join()
      loops.push(peer.stream("rows"))
      await runtime.pass(10)
      await pour(runtime, abuser, "s1", 4)
      abuser.hear("rs1\t", 'b{"code":"closed","reason":"","retryable":false}')
      await runtime.pass(10)
      expect(peer.closed).toBe(true)
    }
    await leave()
    await leave()
    expect(Math.round(hub.stats().keptBytes / 1_000_000)).toBe(8)
    expect(await loops[0]?.next()).toMatchObject({ value: MEGABYTE })
    expect(Math.round(hub.stats().keptBytes / 1_000_000)).toBe(7)
    const honest = await world.join()
    honest.peer.send("news", MEGABYTE)
    honest.peer.send("news", MEGABYTE)
    honest.peer.send("news", MEGABYTE)
    expect(honest.peer.closed).toBe(false)
    expect(hub.stats().keptBytes).toBeLessThan(8_000_000)
    // The one that kept more is gone, and its loop is told so. The other gets every item and its end.
    await expect(loops[1]?.next()).rejects.toMatchObject({ code: "over-capacity" })
    let rest = 0
    for await (const _ of loops[0] ?? []) rest++
    expect(rest).toBe(3)
  })
})
