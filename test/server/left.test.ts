// What a hub does with channels that left without a bye, or with a bye that came beside their links.

import { createHub, type Hub, type HubObserver } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { writeBye, writeHello } from "../../src/wire/handshake.ts"

const ID = "a".repeat(24)
const KEY = "k".repeat(24)
const hello = (turn: number, more: object = {}): string =>
  writeHello({ v: 1, id: ID, key: KEY, heard: 0, acked: 0, turn, holder: "h".repeat(24), ...more })
const why = { code: "closed", reason: "closed by the application", retryable: false } as const
const bye = (more: object = {}): string => writeBye(why, { id: ID, key: KEY, said: 0, ...more })

function start(options: object = {}): { hub: Hub; runtime: VirtualRuntime; met: string[] } {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime, ...options })
  const met: string[] = []
  hub.onPeer((peer) => {
    met.push(peer.id)
    peer.send("greeting", "welcome")
  })
  return { hub, runtime, met }
}

interface Answered {
  readonly status: number
  readonly envelope: { link?: string; ticket?: string; hub?: string; close?: { code: string } }
}

/** A request, and its answer so far. */
async function post(
  { hub, runtime }: { hub: Hub; runtime: VirtualRuntime },
  transport: string,
  envelope: object,
  batch = "",
  signal?: AbortSignal,
): Promise<Answered | undefined> {
  let answered: Answered | undefined
  const request = new Request(`http://hub/everwire/${transport}`, {
    method: "POST",
    body: `@${JSON.stringify(envelope)}${batch && `\n${batch}`}`,
    ...(signal && { signal }),
  })
  void hub.fetch(request).then(async (response) => {
    const [line = ""] = (await response.text()).split("\n")
    answered = { status: response.status, envelope: JSON.parse(line.slice(1)) as Answered["envelope"] }
  })
  // The stream of a Request's body is read in macrotasks, which virtual time does not run.
  for (let turn = 0; turn < 5; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    await runtime.pass(0)
  }
  return answered
}

describe("a channel that left without a bye", () => {
  it("is removed 15 s after its hello when nobody used its stream ticket, although it sent something", async () => {
    const world = start()
    await post(world, "sse", { up: 1 }, hello(1))
    expect(world.hub.peers.size).toBe(1)
    await world.runtime.pass(15_100)
    expect(world.hub.peers.size).toBe(0)
  })

  it("keeps its session for resumeMs when it has used its ticket", async () => {
    const world = start()
    const ticket = (await post(world, "sse", { up: 1 }, hello(1)))?.envelope.ticket ?? ""
    const leaves = new AbortController()
    await world.hub.fetch(new Request(`http://hub/everwire/sse?ticket=${ticket}`, { signal: leaves.signal }))
    await world.runtime.pass(8_000)
    leaves.abort()
    await world.runtime.pass(119_000)
    expect(world.hub.peers.size).toBe(1)
    await world.runtime.pass(2_000)
    expect(world.hub.peers.size).toBe(0)
  })

  it("is removed fifteen seconds after its hello when it never polled again", async () => {
    const world = start()
    await post(world, "long-poll", { up: 1, poll: 1 }, hello(1))
    await world.runtime.pass(15_100)
    expect(world.hub.peers.size).toBe(0)
  })

  it("never becomes a peer when it left while authenticate was running", async () => {
    let judge = (): void => {}
    const world = start({
      authenticate: () =>
        new Promise((resolve) => {
          judge = () => resolve({ id: "somebody" })
        }),
    })
    const leaves = new AbortController()
    await post(world, "long-poll", { up: 1, poll: 1 }, hello(1), leaves.signal)
    leaves.abort()
    await world.runtime.pass(1_000)
    judge()
    await world.runtime.pass(1_000)
    expect(world.met).toEqual([])
  })

  it("has lost its link five seconds after it broke off a held poll, and not before", async () => {
    const world = start()
    const link = (await post(world, "long-poll", { up: 1, poll: 1 }, hello(1)))?.envelope.link
    await post(world, "long-poll", { link, poll: 2 })
    const leaves = new AbortController()
    await post(world, "long-poll", { link, poll: 3 }, "", leaves.signal)
    await world.runtime.pass(1_000)
    leaves.abort()
    await world.runtime.pass(4_900)
    // The channel only changed networks: it repeats the poll, and the link continues.
    await post(world, "long-poll", { link, poll: 3 })
    await world.runtime.pass(10_000)
    expect((await post(world, "long-poll", { link, up: 2 }, "a1"))?.envelope.close).toBeUndefined()

    const again = new AbortController()
    await post(world, "long-poll", { link, poll: 4 }, "", again.signal)
    await world.runtime.pass(20)
    again.abort()
    await world.runtime.pass(5_100)
    expect((await post(world, "long-poll", { link, up: 3 }, "a1"))?.envelope.close?.code).toBe("network")
    expect(world.hub.peers.size).toBe(1) // The peer stays, because the channel may still resume.
  })
})

describe("a bye beside the links", () => {
  it.each(["sse", "long-poll", "short-poll"])("ends the session that it names, over %s", async (transport) => {
    const world = start()
    await post(world, "long-poll", { up: 1, poll: 1 }, hello(1))
    const [peer] = world.hub.peers.values()
    const closings: string[] = []
    peer?.onClose(({ code }) => closings.push(code))
    expect(await post(world, transport, { close: why }, bye({ hub: world.hub.id }))).toMatchObject({ status: 200 })
    expect(world.hub.peers.size).toBe(0)
    expect(closings).toEqual(["closed-by-peer"])
  })

  it("is refused with another key, and the session stays", async () => {
    const world = start()
    await post(world, "sse", { up: 1 }, hello(1))
    const refused = await post(world, "sse", { close: why }, bye({ key: "x".repeat(24) }))
    expect([refused?.status, refused?.envelope.close?.code]).toEqual([403, "session-forbidden"])
    expect(world.hub.peers.size).toBe(1)
  })

  it("is refused by another hub, so that the channel sends it again", async () => {
    const world = start()
    const refused = await post(world, "sse", { close: why }, bye({ hub: "another" }))
    expect([refused?.status, refused?.envelope.close?.code]).toEqual([404, "session-unknown"])
  })

  it.each(["", "h{}", "b!", "b{}", `b{"id":"${ID}","key":"short","said":0}`, `b{"id":"${ID}","key":"${KEY}"}`])(
    "is answered 400 when it is %j",
    async (packet) => {
      const refused = await post(start(), "sse", { close: why }, packet)
      expect([refused?.status, refused?.envelope.close?.code]).toEqual([400, "protocol-error"])
    },
  )

  it("refuses a later hello of the same channel, and of no other channel", async () => {
    const world = start()
    await post(world, "sse", { close: why }, bye({ key: "x".repeat(24) }))
    await post(world, "sse", { up: 1 }, hello(1))
    expect(world.met).toHaveLength(1)

    const other = start()
    await post(other, "sse", { close: why }, bye())
    const refused = await post(other, "sse", { up: 1 }, hello(1))
    expect(refused?.envelope.close?.code).toBe("closed-by-peer")
    expect(other.met).toEqual([])
  })

  it("is remembered for ten seconds when it came before its hello, and for a limited number of channels", async () => {
    const world = start({ limits: { maxUnwelcomedLinks: 1 } })
    await post(world, "sse", { close: why }, bye({ id: "b".repeat(24) }))
    await post(world, "sse", { close: why }, bye())
    await post(world, "sse", { up: 1 }, hello(1))
    expect(world.met).toHaveLength(1)

    const later = start()
    await post(later, "sse", { close: why }, bye())
    await later.runtime.pass(10_001)
    await post(later, "sse", { up: 1 }, hello(1))
    expect(later.met).toHaveLength(1)
  })

  it("does not cut off packets that were sent before it and are still on their way", async () => {
    const world = start()
    const heard: unknown[] = []
    world.hub.on("chat", (data) => heard.push(data))
    const link = (await post(world, "long-poll", { up: 1, poll: 1 }, hello(1)))?.envelope.link
    await post(world, "sse", { close: why }, bye({ said: 1 }))
    await post(world, "long-poll", { link, up: 2 }, 'n1\nmchat\t"last"')
    expect(heard).toEqual(["last"])
    await world.runtime.pass(1_001)
    expect(world.hub.peers.size).toBe(0)
  })

  it("ends a session without a link at once, whatever packets are missing", async () => {
    const told: string[] = []
    const observer: HubObserver = {
      linkLost: () => void told.push("lost"),
      sessionEnded: ({ code }) => void told.push(code),
    }
    const world = start({ observer })
    const leaves = new AbortController()
    const ticket = (await post(world, "sse", { up: 1 }, hello(1)))?.envelope.ticket ?? ""
    await world.hub.fetch(new Request(`http://hub/everwire/sse?ticket=${ticket}`, { signal: leaves.signal }))
    await post(world, "sse", { close: why }, bye({ said: 7 }))
    expect(world.hub.peers.size).toBe(1)
    leaves.abort()
    expect(world.hub.peers.size).toBe(0)
    world.runtime.drain()
    expect(told).toEqual(["closed-by-peer"]) // nothing waits for another link
  })
})
