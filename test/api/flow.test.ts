import { createChannel } from "everwire"
import { createDuo } from "everwire/testing"
import { afterEach, describe, expect, it } from "vitest"
import { connect, disposeAll, nextOf, onDispose, startDuo, startHub } from "../support/hub-server.ts"

afterEach(disposeAll)

const MIB = 1_048_576

describe("flush", () => {
  it("resolves when the hub has heard every message sent so far", async () => {
    const { hub, channel } = await startDuo()
    const heard: unknown[] = []
    hub.on("n", (data) => heard.push(data))
    for (let n = 0; n < 10; n++) channel.send("n", n)
    await channel.flush()
    expect(heard).toHaveLength(10)
    expect(channel.bufferedBytes).toBe(0)
    expect(channel.stats()).toMatchObject({ sent: 10, unacknowledged: 0 })
  })

  it("resolves at once when no message waits", async () => {
    const { url } = await startHub()
    const channel = createChannel(url)
    await channel.flush()
    expect(channel.status).toBe("connecting")
    await channel.close()
  })

  it("waits for the link to come back", async () => {
    const { hub, channel, sockets } = await startDuo()
    const heard = nextOf<unknown>((listener) => hub.on("n", listener))
    for (const socket of sockets) socket.resetAndDestroy()
    channel.send("n", 1)
    await channel.flush()
    expect(await heard).toBe(1)
  })

  it("rejects with the code when the session ends first", async () => {
    const { url } = await startHub({ authenticate: () => null })
    const channel = createChannel(url)
    channel.send("n", 1)
    await expect(channel.flush()).rejects.toMatchObject({ code: "unauthorized" })
  })
})

describe("back-pressure", () => {
  it("makes send() return false above 4 KiB while the link's speed is unknown, until writable() resolves", async () => {
    const { channel } = await startDuo()
    expect(channel.send("n", "x".repeat(3_000))).toBe(true)
    expect(channel.send("n", "x".repeat(3_000))).toBe(false)
    expect(channel.bufferedBytes).toBeGreaterThan(4_096)
    await channel.writable()
    // There is room: the hub has acknowledged, or has let the channel measure a link that carries more than 4 KiB.
    expect(channel.send("small")).toBe(true)
    await channel.flush()
    expect(channel.send("small")).toBe(true)
    await channel.writable()
  })

  it.each(["channel", "peer"] as const)(
    "makes a %s that awaits writable() wait a round trip, not until the next lazy ack",
    async (seat) => {
      const duo = await createDuo()
      const sender = duo[seat]
      const from = duo.runtime.now()
      let tookMs: number | undefined
      const send = async (): Promise<void> => {
        for (let n = 0; n < 300; n++) if (!sender.send("small", n)) await sender.writable()
        tookMs = duo.runtime.now() - from
      }
      const sending = send()
      await duo.runtime.pass(60_000)
      await sending
      expect(tookMs).toBeLessThan(500)
    },
  )

  it("makes send() return false on the peer too", async () => {
    const { peer } = await startDuo()
    expect(peer.send("n", "x".repeat(3_000))).toBe(true)
    expect(peer.send("n", "x".repeat(3_000))).toBe(false)
    expect(peer.bufferedBytes).toBeGreaterThan(4_096)
    await peer.writable()
    expect(peer.bufferedBytes).toBeLessThan(6_000)
    expect(peer.send("small")).toBe(true)
    await peer.writable()
  })

  it("begins at a higher level on a link that was seen to carry much", async () => {
    const { channel, peer, runtime } = await createDuo()
    for (const side of [channel, peer]) {
      expect(side.send("n", "x".repeat(MIB / 2))).toBe(false)
      await runtime.passUntil(() => side.bufferedBytes === 0, 1_000)
      expect(side.send("n", "x".repeat(MIB / 4))).toBe(true)
    }
  })

  it("begins above what the link carries in about a second", async () => {
    const limits = { upBytesPerSecond: 125_000, downBytesPerSecond: 125_000 }
    const { channel, peer, runtime } = await createDuo({ transports: ["websocket"], latencyMs: 50, limits })
    for (const side of [channel, peer]) {
      side.send("n", "x".repeat(MIB / 2))
      await runtime.passUntil(() => side.bufferedBytes === 0, 20_000)
      let said = 0
      while (side.send("n", "x".repeat(1_000))) said += 1_000
      expect(said).toBeGreaterThan(100_000)
      expect(said).toBeLessThan(160_000)
    }
  })

  it("begins above half of the outbox, however much the link carries", async () => {
    const { channel, runtime } = await createDuo({ channel: { maxOutboxBytes: 100_000 } })
    for (const bytes of [90_000, 90_000, 90_000]) {
      channel.send("n", "x".repeat(bytes))
      await runtime.passUntil(() => channel.bufferedBytes === 0, 1_000)
    }
    expect(channel.send("n", "x".repeat(45_000))).toBe(true)
    expect(channel.send("n", "x".repeat(10_000))).toBe(false)
  })

  it("on the peer's writable rejects with the code of the closing when the session ends first", async () => {
    const { peer } = await createDuo()
    peer.send("n", "x".repeat(MIB / 2))
    const writable = peer.writable()
    peer.close("enough")
    await expect(writable).rejects.toMatchObject({ code: "closed", message: "enough" })
  })

  it("on the peer's writable rejects when no link comes back in time", async () => {
    const { peer, runtime, network } = await createDuo()
    network.block()
    network.cut()
    await runtime.pass(100)
    peer.send("n", "x".repeat(MIB / 2))
    const refused = expect(peer.writable()).rejects.toMatchObject({ code: "session-expired" })
    await runtime.pass(300_000)
    await refused
  })

  it("on the peer's writable rejects at once when the peer is closed", async () => {
    const { peer } = await createDuo()
    peer.close()
    await expect(peer.writable()).rejects.toMatchObject({ code: "closed" })
  })

  it("on the peer's writable resolves for all callers, once there is room", async () => {
    const { peer, runtime } = await createDuo()
    peer.send("n", "x".repeat(MIB / 2))
    let resolved = 0
    for (let n = 0; n < 3; n++) void peer.writable().then(() => resolved++)
    await runtime.pass(5)
    expect(resolved).toBe(0)
    await runtime.passUntil(() => peer.bufferedBytes === 0, 1_000)
    await runtime.pass(1)
    expect(resolved).toBe(3)
  })

  it("ends on the channel with a throw: the message was refused, all earlier messages were taken", async () => {
    const { hub, url } = await startHub()
    const heard: unknown[] = []
    hub.on("n", (data) => heard.push((data as string).length))
    const channel = createChannel(url, { maxOutboxBytes: 10_000 })
    channel.send("n", "x".repeat(5_000))
    expect(() => channel.send("n", "x".repeat(5_000))).toThrow(
      expect.objectContaining({ code: "buffer-full", retryable: true }),
    )
    await expect(channel.request("n", "x".repeat(5_000))).rejects.toMatchObject({ code: "buffer-full" })
    channel.send("n", "x".repeat(100))
    await channel.flush()
    channel.send("n", "x".repeat(5_000))
    await channel.close()
    expect(heard).toEqual([5_000, 100, 5_000])
  })

  it("ends on the peer with its session: the channel is told buffer-full", async () => {
    const { channel, peer } = await startDuo({ maxOutboxBytes: 10_000 })
    const closed = new Promise((resolve) => channel.onStatus((status, { closing }) => resolve([status, closing?.code])))
    const ended = nextOf<unknown>((listener) => peer.onClose(listener))
    expect(peer.send("n", "x".repeat(3_000))).toBe(true)
    expect(peer.send("n", "x".repeat(3_000))).toBe(false)
    expect(peer.closed).toBe(false)
    expect(peer.send("n", "x".repeat(5_000))).toBe(false)
    expect(peer.closed).toBe(true)
    expect(await ended).toMatchObject({ code: "buffer-full", undelivered: 2 })
    expect(await closed).toEqual(["closed", "buffer-full"])
  })

  it("ends on a peer in the midst of a broadcast, and the others hear what is said of it as well, each once", async () => {
    const { hub, url, peer } = await startDuo({ maxOutboxBytes: 10_000 })
    peer.onClose(() => hub.send("left", 1))
    const other = await connect(url)
    const heard: unknown[] = []
    for (const name of ["n", "left"]) other.on(name, (data) => heard.push([name, String(data).length]))
    const last = nextOf<unknown>((listener) => other.on("last", listener))
    peer.send("n", "x".repeat(5_000))
    hub.send("n", "x".repeat(6_000))
    hub.send("last")
    await last
    expect(peer.closed).toBe(true)
    expect(heard.sort()).toEqual([
      ["left", 1],
      ["n", 6_000],
    ])
  })

  it("also ends a peer whose answers pile up: its session ends with buffer-full, the process continues", async () => {
    const { hub, channel, peer } = await startDuo({ maxOutboxBytes: 10_000 })
    hub.handle("page", () => "x".repeat(4_000))
    hub.handle("later", async () => "x".repeat(4_000))
    hub.handle("fail", async () => {
      throw new Error("x")
    })
    hub.onError(() => {})
    const ended = nextOf<unknown>((listener) => peer.onClose(listener))
    const answers = ["page", "later", "page", "later", "fail", "fail"].map((name) => channel.request(name))
    const settled = await Promise.allSettled(answers)
    expect(await ended).toMatchObject({ code: "buffer-full" })
    expect(settled.at(-1)).toMatchObject({ status: "rejected", reason: { code: "buffer-full" } })
  })

  it("on writable rejects when the channel closes first", async () => {
    const { url } = await startHub({ authenticate: () => null })
    const channel = createChannel(url)
    while (channel.send("large", "x".repeat(MIB / 2)));
    await expect(channel.writable()).rejects.toMatchObject({ code: "unauthorized" })
  })
})

describe("messages", () => {
  it("gives the messages of a name one by one, including those that came between two reads", async () => {
    const { channel, peer } = await startDuo()
    for (let n = 0; n < 3; n++) peer.send("n", n)
    const heard: unknown[] = []
    for await (const data of channel.messages("n")) {
      heard.push(data)
      if (heard.length === 3) for (let n = 3; n < 6; n++) peer.send("n", n)
      if (heard.length === 6) break
    }
    expect(heard).toEqual([0, 1, 2, 3, 4, 5])
  })

  it("ends with the channel, after the messages that came before", async () => {
    const { channel, peer } = await startDuo()
    peer.send("n", 1)
    peer.send("n", 2)
    peer.close()
    const heard: unknown[] = []
    for await (const data of channel.messages("n")) heard.push(data)
    expect(heard).toEqual([1, 2])
  })

  it("unsubscribes when the loop is left", async () => {
    const { channel, peer } = await startDuo()
    const loop = channel.messages("n")
    const first = loop.next()
    peer.send("n", 1)
    expect(await first).toEqual({ value: 1, done: false })
    expect(await loop.return()).toEqual({ value: undefined, done: true })
    expect(await loop.next()).toEqual({ value: undefined, done: true })
  })

  it("on a closed channel ends at once", async () => {
    const { url } = await startHub()
    const channel = await connect(url)
    onDispose(() => channel.close())
    await channel.close()
    expect(await channel.messages("n").next()).toEqual({ value: undefined, done: true })
  })
})
