import { createChannel } from "everwire/core"
import { createHub } from "everwire/server"
import { createDuo, createNetwork, createVirtualRuntime, type Duo } from "everwire/testing"
import { describe, expect, it } from "vitest"

type Send = (name: string, data: unknown, options?: object) => unknown

/** The four ways to send, each with what the other end hears. */
const WAYS: Record<string, (duo: Duo) => { send: Send; heard: unknown[]; dropped: () => object }> = {
  "channel.send": (duo) => {
    const heard: unknown[] = []
    duo.hub.on("x", (data) => void heard.push(data))
    return {
      heard,
      send: (name, data, options) => duo.channel.send(name, data, options),
      dropped: () => duo.channel.stats().dropped,
    }
  },
  "peer.send": (duo) => down(duo, (name, data, options) => duo.peer.send(name, data, options)),
  "hub.send": (duo) => down(duo, (name, data, options) => duo.hub.send(name, data, options)),
  "hub.to(room).send": (duo) => {
    duo.peer.join("room")
    return down(duo, (name, data, options) => duo.hub.to("room").send(name, data, options))
  },
}

function down(duo: Duo, send: Send): { send: Send; heard: unknown[]; dropped: () => object } {
  const heard: unknown[] = []
  duo.channel.on("x", (data) => void heard.push(data))
  return { send, heard, dropped: () => duo.hub.stats().dropped }
}

/** Longer than what the hub keeps for each peer apart. */
const LONG = "x".repeat(600)

describe.each(Object.entries(WAYS))("%s", (_way, open) => {
  async function start(): Promise<{ duo: Duo } & ReturnType<typeof down>> {
    const duo = await createDuo({ transports: ["websocket"] })
    return { duo, ...open(duo) }
  }

  it("delivers all classes on a link that takes everything, in the order in which they were sent", async () => {
    const { duo, send, heard, dropped } = await start()
    send("x", 1)
    send("x", 2, { volatile: true })
    send("x", 3, { latest: "a" })
    send("x", 4, { ttlMs: 0 })
    send("x", 5)
    send("x", LONG, { latest: "b" })
    send("x", 6, { latest: "c", ttlMs: 50 })
    send("x", 7, { latest: "d", volatile: true })
    send("x", 8, {})
    await duo.runtime.pass(100)
    expect(heard).toEqual([1, 2, 3, 4, 5, LONG, 6, 7, 8])
    expect(dropped()).toEqual({ volatile: 0, latest: 0, ttl: 0, full: 0 })
  })

  it("drops what is volatile, old or outdated while there is no link, counts it, and delivers the rest in order", async () => {
    const { duo, send, heard, dropped } = await start()
    duo.network.block("websocket")
    duo.network.cut()
    await duo.runtime.pass(50)
    send("x", "volatile", { volatile: true })
    send("x", "outdated", { latest: "a" })
    send("x", LONG, { latest: "b" })
    send("x", "first")
    send("x", "old", { ttlMs: 1_000 })
    send("x", "newest", { latest: "a" })
    send("x", "young", { ttlMs: 60_000 })
    send("x", "last")
    await duo.runtime.pass(3_000)
    expect(dropped(), "without any link").toEqual({ volatile: 1, latest: 1, ttl: 1, full: 0 })
    duo.network.unblock("websocket")
    await duo.runtime.passUntil(() => heard.length === 5, 60_000)
    expect(heard).toEqual([LONG, "first", "newest", "young", "last"])
  })

  it("never repeats what is volatile after a break, and repeats what is reliable", async () => {
    const { duo, send, heard, dropped } = await start()
    send("x", 1)
    send("x", 2, { volatile: true })
    send("x", 3, { latest: "a" })
    send("x", 4, { latest: "a", ttlMs: 100 })
    await duo.runtime.pass(1) // handed over, and on its way
    duo.network.block("websocket")
    duo.network.cut()
    send("x", 5, { latest: "b" })
    await duo.runtime.pass(500)
    duo.network.unblock("websocket")
    await duo.runtime.passUntil(() => heard.length === 2, 60_000)
    expect(heard).toEqual([1, 5])
    expect(dropped()).toEqual({ volatile: 1, latest: 1, ttl: 1, full: 0 })
  })

  it.each<[string, unknown]>([
    ["an option that does not exist", { reliable: true }],
    ["volatile that is no boolean", { volatile: 1 }],
    ["a key that is no text", { latest: 1 }],
    ["a time that is no number", { ttlMs: "1" }],
    ["NaN", { ttlMs: Number.NaN }],
    ["a negative time", { ttlMs: -1 }],
    ["a time without end", { ttlMs: Infinity }],
    ["a time for what is volatile", { volatile: true, ttlMs: 1 }],
  ])("refuses %s, and sends nothing", async (_what, options) => {
    const { duo, send, heard } = await start()
    expect(() => send("x", 1, options as object)).toThrow(expect.objectContaining({ code: "misuse" }))
    await duo.runtime.pass(100)
    expect(heard).toEqual([])
  })
})

describe("the newest message of a key", () => {
  it("is told apart by name and by key", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    const heard: unknown[] = []
    for (const name of ["x", "y"]) duo.channel.on(name, (data) => void heard.push(`${name}${data}`))
    duo.network.cut()
    for (const round of [1, 2]) {
      for (const name of ["x", "y"])
        for (const latest of ["", "a"]) duo.peer.send(name, `${latest}${round}`, { latest })
    }
    await duo.runtime.passUntil(() => heard.length === 4, 60_000)
    expect(heard).toEqual(["x2", "xa2", "y2", "ya2"])
  })
})

describe("a full outbox", () => {
  it("drops the oldest messages that may be dropped, and takes a reliable one in their place", async () => {
    const duo = await createDuo({ transports: ["websocket"], channel: { maxOutboxBytes: 5_000 } })
    const heard: string[] = []
    duo.hub.on("x", (data) => void heard.push(String(data).slice(0, 1)))
    duo.network.block("websocket")
    duo.network.cut()
    await duo.runtime.pass(50)
    for (const letter of ["a", "b", "c"]) duo.channel.send("x", letter.repeat(1_200), { latest: letter })
    duo.channel.send("x", "d".repeat(2_000))
    expect(() => duo.channel.send("x", "e".repeat(4_000))).toThrow(expect.objectContaining({ code: "buffer-full" }))
    expect(() => duo.channel.send("x", "f".repeat(4_000), { latest: "f" })).not.toThrow()
    expect(duo.channel.stats().dropped.full).toBe(4)
    expect(duo.channel.bufferedBytes).toBeLessThan(5_000)
    duo.network.unblock("websocket")
    await duo.runtime.passUntil(() => heard.length === 1, 60_000)
    expect(heard).toEqual(["d"])
  })

  it("does not end a peer because of messages that may be dropped", async () => {
    const duo = await createDuo({ transports: ["websocket"], hub: { maxOutboxBytes: 5_000 } })
    const { peer } = duo
    duo.network.block("websocket")
    duo.network.cut()
    await duo.runtime.pass(50)
    for (let n = 0; n < 100; n++) peer.send("x", "x".repeat(500), { ttlMs: 60_000 })
    expect([peer.closed, peer.bufferedBytes < 5_000, duo.hub.stats().dropped.full > 80]).toEqual([false, true, true])
  })
})

describe("a link that takes nothing", () => {
  it("is not waited for by what is volatile, and keeps one message of each key", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    const { peer, hub } = duo
    duo.network.freeze()
    const before = hub.stats().keptBytes
    for (let n = 0; n < 2_000; n++) {
      hub.send("position", n, { volatile: true })
      hub.send("price", [n, "x".repeat(300)], { latest: String(n % 10) })
      await duo.runtime.pass(1)
    }
    expect(hub.stats().keptBytes - before).toBeLessThan(150_000)
    expect(peer.bufferedBytes).toBeLessThan(60_000)
    expect(hub.stats().dropped.volatile).toBeGreaterThan(1_500)
    const heard: unknown[] = []
    duo.channel.on("price", (data) => void heard.push((data as number[])[0]))
    duo.network.thaw()
    await duo.runtime.pass(10_000)
    expect(heard.slice(-10)).toEqual([1990, 1991, 1992, 1993, 1994, 1995, 1996, 1997, 1998, 1999])
  })
})

describe("what waits", () => {
  it("is awaited by flush(), until it is acknowledged or dropped", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    duo.network.block("websocket")
    duo.network.cut()
    await duo.runtime.pass(50)
    duo.channel.send("x", 1, { ttlMs: 2_000 })
    let flushed = false
    void duo.channel.flush().then(() => {
      flushed = true
    })
    await duo.runtime.pass(1_500)
    expect(flushed).toBe(false)
    await duo.runtime.pass(1_500)
    expect(flushed).toBe(true)
  })

  it("is reported by onReset if it may have arrived, and is sent in the next session with its class if it never left", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    const reports: unknown[] = []
    const heard: unknown[] = []
    duo.channel.onReset(({ messages }) => void reports.push(messages.map(({ data }) => data)))
    duo.channel.send("x", "reliable")
    duo.channel.send("x", "volatile", { volatile: true })
    duo.channel.send("x", "latest", { latest: "a" })
    await duo.runtime.pass(1)
    duo.crashHub()
    await duo.runtime.pass(50)
    duo.channel.send("x", "waits", { latest: "b" })
    duo.channel.send("x", "old", { ttlMs: 100 })
    duo.channel.send("x", "behind")
    await duo.runtime.pass(200)
    duo.startHub().on("x", (data) => void heard.push(data))
    await duo.runtime.passUntil(() => heard.length === 2, 60_000)
    expect([reports, heard]).toEqual([[["reliable", "latest"]], ["waits", "behind"]])
  })

  it("is delivered before a hub that drains ends the session", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    const heard: unknown[] = []
    duo.channel.on("x", (data) => void heard.push(data))
    duo.network.cut()
    await duo.runtime.pass(1)
    duo.peer.send("x", 1, { latest: "a" })
    duo.peer.send("x", 2)
    await duo.closeHub({ drainMs: 10_000 })
    expect(heard).toEqual([1, 2])
  })

  it("counts as undelivered when the peer is closed, except what was dropped", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    const { peer } = duo
    let undelivered = -1
    peer.onClose((closing) => {
      undelivered = closing.undelivered
    })
    duo.network.block("websocket")
    duo.network.cut()
    await duo.runtime.pass(50)
    peer.send("x", 1, { latest: "a" })
    peer.send("x", 2, { latest: "a" })
    peer.send("x", 3, { ttlMs: 10 })
    peer.send("x", 4, { volatile: true })
    peer.send("x", 5)
    await duo.runtime.pass(20)
    peer.close()
    await duo.runtime.pass(20)
    expect(undelivered).toBe(2)
  })
})

it("a broadcast with a class is encoded once for all peers", async () => {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const hub = createHub({ runtime, transports: [network.acceptor("websocket")] })
  hub.onPeer((peer) => peer.join("room"))
  const heard: unknown[] = []
  let reads = 0
  const data = {
    get price() {
      reads++
      return 1
    },
  }
  const send = (channels: number): number[] => {
    const counts: number[] = []
    while (channels-- > 0) {
      const channel = createChannel("http://any", { runtime, transports: [network.dialer("websocket")] })
      channel.on("x", (got) => void heard.push(got))
    }
    runtime.advance(100)
    for (const to of [hub, hub.to("room")]) {
      reads = 0
      to.send("x", data, { latest: "a" })
      counts.push(reads)
    }
    runtime.advance(100)
    return counts
  }
  const forOne = send(1)
  expect(send(9)).toEqual(forOne)
  expect(heard.length).toBe(1 + 10) // the second one replaces the first, which had not gone
})
