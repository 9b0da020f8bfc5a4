import type { Peer, Principal } from "everwire/server"
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { type Expiring, expiring, HOUR, MINUTE } from "./expiring.ts"

afterEach(() => vi.useRealTimers())

/** Both ends say something every second, until what has come is returned. Nothing may be lost, doubled or reordered. */
async function talk({ runtime, channel, peer, up, down }: Expiring, seconds: number): Promise<void> {
  const [before, beforeDown] = [up.length, down.length]
  for (let said = 1; said <= seconds; said++) {
    channel.send("up", before + said)
    peer.send("down", beforeDown + said)
    await runtime.pass(1_000)
  }
  await runtime.pass(10_000)
  expect(up).toEqual(Array.from({ length: before + seconds }, (_, i) => i + 1))
  expect(down).toEqual(Array.from({ length: beforeDown + seconds }, (_, i) => i + 1))
}

const open = ({ statuses }: Expiring): number => statuses.filter(([status]) => status === "open").length

/** The time, since the beginning, at which the link was closed for its expiry. */
function dismissedAt({ channel, runtime, atMs }: Expiring): number[] {
  return channel
    .explain()
    .incidents.flatMap(({ closing, at }) => (closing?.code === "auth-expired" ? [at - runtime.now() + atMs()] : []))
}

describe("before its principal expires", () => {
  it("a peer is asked for fresh credentials on its link, and goes on with the new principal", async () => {
    const one = await expiring(HOUR)
    const { peer, runtime } = one
    const first = peer.principal
    await runtime.pass(HOUR)
    expect(one.asked.map(([reason]) => reason)).toEqual(["connect", "expiring"])
    expect(one.judged).toEqual(["connect", "expiring"])
    expect(peer.principal).toEqual({
      id: "ann",
      expiresAt: (one.asked[1]?.[1] ?? 0) + HOUR + runtime.now() - one.atMs(),
    })
    expect(peer.principal).not.toEqual(first)
    expect(one.network.dials).toBe(1)
    await talk(one, 5)
    expect([one.refused, one.errors]).toEqual([[], []])
  })

  it("goes on so for a day, with one dial", async () => {
    const one = await expiring(15 * MINUTE)
    await one.runtime.pass(24 * HOUR)
    expect(one.asked.length).toBeGreaterThan(24 * 4)
    expect(one.asked.length).toBeLessThan(24 * 5)
    expect(one.network.dials).toBe(1)
  })

  it.each([
    [HOUR, HOUR - 60_000, HOUR - 30_000],
    [40_000, 30_000, 35_000],
    [100 * 24 * HOUR, 100 * 24 * HOUR - 60_000, 100 * 24 * HOUR - 30_000],
  ])("a token of %i ms is asked for between %i and %i ms", async (lifeMs, from, to) => {
    const times: number[] = []
    for (let seed = 1; seed <= 10; seed++) {
      const one = await expiring(lifeMs, { seed, hub: { heartbeatMs: HOUR, heartbeatTimeoutMs: 2 * HOUR } })
      await one.runtime.pass(lifeMs)
      times.push(one.asked[1]?.[1] ?? 0)
    }
    const [least = 0, most = 0] = [Math.min(...times), Math.max(...times)]
    expect(least).toBeGreaterThanOrEqual(from)
    expect(most).toBeLessThanOrEqual(to + 100)
    expect(most - least).toBeGreaterThan((to - from) / 4) // they do not all ask at once
  })

  it("a token of a moment is not asked for more than once in a second", async () => {
    const one = await expiring(100)
    await one.runtime.pass(10_000)
    expect(one.asked.length).toBeLessThanOrEqual(11)
    expect(one.asked.length).toBeGreaterThan(5)
    expect(open(one)).toBe(1)
  })

  it("asks in time with the alarms of a real hub, which ring late by a share of their delay", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] })
    // A real hub reads the wall clock once. Its modules must do so in this test's time, and no other test may get them.
    vi.resetModules()
    onTestFinished(() => void vi.resetModules())
    const { createHub } = await import("everwire/server")
    const { createNetwork } = await import("everwire/testing")
    const { createChannel } = await import("everwire")
    const now = (): number => Math.floor(Date.now())
    const network = createNetwork({
      runtime: {
        now,
        after: (ms, run) => {
          const timer = setTimeout(run, ms)
          return () => clearTimeout(timer)
        },
        soon: queueMicrotask,
        random: Math.random,
        id: () => String(Math.random()),
        report: expect.unreachable,
      },
    })
    const asked: number[] = []
    const hub = createHub({
      authenticate: ({ auth }) => auth as Principal,
      transports: [network.acceptor("wire")],
      heartbeatMs: HOUR,
      heartbeatTimeoutMs: 2 * HOUR,
    })
    const startedAt = now()
    const channel = createChannel("http://hub", {
      store: null,
      transports: [network.dialer("wire")],
      auth() {
        asked.push(now() - startedAt)
        return { id: "ann", expiresAt: now() + 24 * HOUR }
      },
    })
    await vi.advanceTimersByTimeAsync(24 * HOUR)
    expect(asked).toHaveLength(2)
    expect(asked[1]).toBeGreaterThan(24 * HOUR - 61_000)
    expect(asked[1]).toBeLessThan(24 * HOUR - 28_000)
    const closed = channel.close()
    await vi.advanceTimersByTimeAsync(4_000)
    await Promise.all([closed, hub.close()])
  })

  it("does without a timer for a principal that does not expire", async () => {
    const hub = { heartbeatMs: 3 * HOUR, heartbeatTimeoutMs: 4 * HOUR }
    const never = await expiring(HOUR, { hub: { ...hub, authenticate: () => ({ id: "ann" }) } })
    const once = await expiring(HOUR, { hub })
    await Promise.all([never.runtime.pass(MINUTE), once.runtime.pass(MINUTE)])
    expect(once.runtime.pending() - never.runtime.pending()).toBe(0) // the timer of its heartbeat is the hub's one timer
    await Promise.all([never.runtime.pass(2 * HOUR), once.runtime.pass(2 * HOUR)])
    expect(once.packets("u").length).toBeGreaterThan(2)
    expect(never.packets("u")).toEqual([])
  })

  it.each([MINUTE, HOUR - 20_000])("leaves no alarm when the peer is closed after %i ms", async (ms) => {
    const one = await expiring(HOUR, { auth: forever })
    await one.runtime.pass(ms)
    one.peer.close()
    await one.runtime.pass(10 * MINUTE)
    expect(one.runtime.pending()).toBe(0)
  })
})

/** Gives a token for a dial, and never answers when the hub asks. */
function forever(reason: string, now: number, lifeMs = HOUR): unknown {
  return reason === "expiring" ? new Promise(() => {}) : { id: "ann", expiresAt: now + lifeMs }
}

describe("a channel that cannot be asked on its link", () => {
  it.each<[string, Parameters<typeof expiring>[1]]>([
    ["one of version 1", { channel: { features: [] } }],
    ["one without auth, whose credentials are cookies", { auth: null }],
  ])("%s: its link is closed in time, and the next one brings the credentials; nothing is lost", async (_, options) => {
    let now = (): number => Date.UTC(2026, 0, 1)
    const one = await expiring(2 * MINUTE, {
      ...options,
      hub: { authenticate: () => ({ id: "ann", expiresAt: now() + 2 * MINUTE }) },
    })
    now = one.runtime.now
    const { peer } = one
    for (let n = 0; n < 60; n++) await talk(one, 10)
    expect(one.packets("u")).toEqual([])
    expect(one.judged).toEqual(one.judged.map(() => "connect"))
    expect(one.judged.length).toBeGreaterThan(10)
    expect(one.hub.peers.get(peer.id)).toBe(peer)
    expect(one.hub.stats()).toMatchObject({ sessions: 1, ended: {} })
    const [first = 0] = dismissedAt(one)
    expect(first).toBeGreaterThanOrEqual(90_000)
    expect(first).toBeLessThan(2 * MINUTE)
  })
})

describe("a channel that gives no fresh credentials", () => {
  it("loses its link when the principal has expired, and nothing else: its next hello brings some", async () => {
    const one = await expiring(HOUR, { auth: forever })
    await one.runtime.pass(HOUR - 5_000)
    const { peer } = one
    await talk(one, 20)
    expect(one.asked.map(([reason]) => reason)).toEqual(["connect", "expiring", "connect"])
    expect(dismissedAt(one)).toEqual([HOUR + 10]) // the network takes 10 ms
    expect(one.statuses.map(([status, { closing }]) => [status, closing?.code])).toEqual([
      ["open", undefined],
      ["reconnecting", "auth-expired"],
      ["open", undefined],
    ])
    expect(one.hub.peers.get(peer.id)).toBe(peer)
    expect(one.hub.stats().ended).toEqual({})
  })

  it("has ten seconds for its answer, although its principal expires meanwhile", async () => {
    const one = await expiring(12_000, {
      auth: (reason, now) => forever(reason, now, 12_000),
    })
    await one.runtime.pass(30_000)
    const askedAt = one.asked[1]?.[1] ?? 0
    expect(askedAt).toBeGreaterThan(8_000)
    expect(dismissedAt(one)[0]).toBe(askedAt - 10 + 10_000 + 10) // asked 10 ms before it heard so
  })

  it("is closed with auth-expired when it does not come back", async () => {
    const one = await expiring(HOUR, { auth: forever })
    one.channel.send("up", 1)
    await one.runtime.pass(HOUR - 10_000)
    const closings: string[] = []
    one.peer.onClose(({ code }) => closings.push(code))
    one.network.block()
    await one.runtime.pass(10 * MINUTE)
    expect(closings).toEqual(["auth-expired"])
    expect(one.hub.stats().ended).toEqual({ "auth-expired": 1 })
  })

  it.each<[string, (now: number) => unknown, string[], unknown[]]>([
    ["throws", () => raise(new Error("offline")), [], [new Error("offline")]],
    ["rejects", () => Promise.reject(new Error("offline")), [], [new Error("offline")]],
    ["gives what JSON cannot carry", () => 1n, [], [expect.objectContaining({ code: "payload-unsupported" })]],
    ["is refused", () => null, ["unauthorized authenticate"], []],
    ["gives somebody else's", (now) => ({ id: "bob", expiresAt: now + HOUR }), ["session-forbidden authenticate"], []],
    ["gives the expired ones", (now) => ({ id: "ann", expiresAt: now }), ["unauthorized authenticate"], []],
    ["makes authenticate fail", () => "fail", ["unauthorized authenticate"], [new Error("no database")]],
    [
      "makes authenticate hang",
      () => "hang",
      ["hello-timeout authenticate"],
      [expect.objectContaining({ code: "timeout" })],
    ],
  ])(
    "because auth %s: its principal stays as it is until it expires, then its link is closed",
    async (_, fresh, refused, errors) => {
      const one = await expiring(HOUR, {
        hub: {
          authenticate({ auth, reason }) {
            if (auth === "fail") throw new Error("no database")
            if (auth === "hang") return new Promise<null>(() => {})
            return reason === "expiring" && auth === null ? null : (auth as Principal)
          },
        },
        auth: (reason, now) => (reason === "expiring" ? fresh(now) : forever(reason, now)),
      })
      const { principal } = one.peer
      await one.runtime.pass(HOUR - 1_000)
      expect(one.peer.principal).toBe(principal)
      expect(open(one)).toBe(1)
      await talk(one, 10)
      expect(dismissedAt(one)).toHaveLength(1)
      expect(one.asked.map(([reason]) => reason)).toEqual(["connect", "expiring", "connect"])
      expect(one.refused).toEqual(refused)
      expect(one.errors).toEqual(errors)
      expect(one.peer.principal.id).toBe("ann")
    },
  )

  it("is asked again when the hub was only too busy to judge", async () => {
    const one = await expiring(HOUR, { hub: { limits: { maxAuthenticationsPerSecond: 1 / 50 } } })
    await one.runtime.pass(HOUR - 61_000)
    const leave = stranger(one) // its hello uses up the allowance until shortly before the end
    await one.runtime.pass(61_000)
    expect(one.refused.filter((what) => what === "rate-limited authenticate").length).toBeGreaterThan(0)
    expect(one.asked.filter(([reason]) => reason === "expiring").length).toBeGreaterThan(1)
    expect(dismissedAt(one)).toEqual([])
    expect(one.peer.principal.expiresAt).toBeGreaterThan(one.runtime.now())
    leave()
  })
})

function raise(error: Error): never {
  throw error
}

/** Sends a hello to the hub of the other. */
function stranger({ network, runtime }: Expiring): () => void {
  const link = network
    .dialer("websocket")
    .dial(
      { url: "http://hub", runtime, platform: {}, withCredentials: false, holdMs: 25_000, learnHold() {} },
      { batch() {}, closed() {}, writable() {} },
    )
  const id = runtime.id()
  link.send(`h${JSON.stringify({ v: 1, id, key: id, heard: 0, acked: 0, turn: 1, holder: id, auth: null })}`)
  return () => link.close({ code: "closed", reason: "", retryable: false })
}

describe("a session without a link", () => {
  it("is neither asked nor ended when its principal expires: the next hello is judged", async () => {
    const one = await expiring(MINUTE, { hub: { resumeMs: HOUR } })
    one.channel.send("up", 1)
    await one.runtime.pass(1_000)
    const { peer } = one
    one.network.block("websocket")
    one.network.cut()
    await one.runtime.pass(10 * MINUTE)
    expect(one.packets("u")).toEqual([])
    expect(peer.closed).toBe(false)
    one.network.unblock("websocket")
    await one.runtime.passUntil(() => peer.connected, MINUTE)
    expect(peer.principal.expiresAt).toBeGreaterThan(one.runtime.now())
    expect(one.hub.stats().ended).toEqual({})
  })
})

describe("a change of wire between the question and the answer", () => {
  /** A channel whose answer to the hub's question comes when the test says so. */
  async function slow(): Promise<{ one: Expiring; answer: (token?: unknown) => void }> {
    let answer = (_token: unknown): void => expect.unreachable()
    const one = await expiring(HOUR, {
      transports: ["websocket", "sse"],
      auth: (reason, now) =>
        reason === "connect"
          ? forever(reason, now)
          : new Promise((resolve) => {
              answer = resolve
            }),
    })
    await one.runtime.passUntil(() => one.asked.length === 2, HOUR)
    return { one, answer: (token = { id: "ann", expiresAt: one.runtime.now() + HOUR }) => answer(token) }
  }

  it("the hello of the new link settles it, and the late answer goes nowhere", async () => {
    const { one, answer } = await slow()
    one.network.cut()
    await one.runtime.passUntil(() => open(one) === 2, MINUTE)
    answer()
    await one.runtime.pass(MINUTE)
    expect(one.packets("u")).toEqual(["u1"])
    expect(open(one)).toBe(2)
    expect(one.judged).toEqual(["connect", "connect"])
    await talk(one, 5)
  })
})

describe("every hello that is welcomed", () => {
  it("is judged anew: the peer has the principal of the last one", async () => {
    let role = "guest"
    const one = await expiring(HOUR, { hub: { authenticate: () => ({ id: "ann", role }) } })
    const peer = one.peer as Peer & { principal: { role: string } }
    expect(peer.principal.role).toBe("guest")
    role = "admin"
    one.network.cut()
    await one.runtime.pass(1_000)
    expect(peer.principal.role).toBe("admin")
    expect(one.peer).toBe(peer)
  })

  it("may take the expiry away, or bring one", async () => {
    let expiresAt: number | undefined = Date.UTC(2026, 0, 1) + HOUR
    const one = await expiring(HOUR, { hub: { authenticate: () => ({ id: "ann", expiresAt }) } })
    expiresAt = undefined
    one.network.cut()
    await one.runtime.pass(2 * HOUR)
    expect([one.packets("u"), dismissedAt(one)]).toEqual([[], []])
    expiresAt = one.runtime.now() + HOUR
    one.network.cut()
    await one.runtime.pass(HOUR)
    expect(one.packets("u").slice(0, 1)).toEqual(["u1"])
  })
})
