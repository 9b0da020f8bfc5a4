import { type Channel, createChannel } from "everwire"
import { createHub, type Hub, type Peer } from "everwire/server"
import { createNetwork, createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

interface Crowd {
  readonly runtime: VirtualRuntime
  readonly hub: Hub
  /** Channels by the name that `auth` gives, with a digit. */
  readonly channels: Record<"ann1" | "ann2" | "bob1", Channel>
  readonly peer: (name: "ann1" | "ann2" | "bob1") => Peer
  readonly asked: string[]
  readonly cut: () => void
}

/** Two channels of ann and one of bob. */
function crowd(): Crowd {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const hub = createHub({
    runtime,
    transports: [network.acceptor("wire")],
    authenticate: ({ auth }) => ({ id: String(auth).slice(0, 3) }),
  })
  const asked: string[] = []
  const create = (name: string): Channel =>
    createChannel("http://hub", {
      runtime,
      store: null,
      transports: [network.dialer("wire")],
      auth({ reason }) {
        asked.push(`${name} ${reason}`)
        return name
      },
    })
  const channels = { ann1: create("ann1"), ann2: create("ann2"), bob1: create("bob1") }
  runtime.advance(1_000)
  asked.length = 0
  return {
    ...{ runtime, hub, channels, asked },
    peer: (name) => hub.peers.get(channels[name].peerId ?? "") ?? expect.unreachable(),
    cut: () => {
      network.block("wire")
      network.cut()
    },
  }
}

const statuses = ({ channels }: Crowd): string[] => Object.values(channels).map(({ status }) => status)

describe("hub.disconnect", () => {
  it("closes all peers of a principal for good, and tells how many", async () => {
    const all = crowd()
    const { hub, runtime, channels, asked } = all
    const why: unknown[] = []
    channels.ann1.onStatus((_, { closing }) => why.push(closing))
    const closings: string[] = []
    all.peer("ann2").onClose(({ code, reason }) => closings.push(`${code} ${reason}`))
    expect(await hub.disconnect({ principal: "ann" }, { reason: "signed out" })).toBe(2)
    runtime.advance(60_000)
    expect(statuses(all)).toEqual(["closed", "closed", "open"])
    expect(why).toEqual([{ code: "closed-by-peer", reason: "signed out", retryable: false }])
    expect(closings).toEqual(["closed signed out"])
    expect(asked).toEqual([])
    expect(hub.stats().ended).toEqual({ closed: 2 })
    expect(await hub.disconnect({ principal: "ann" })).toBe(0)
  })

  it("closes one peer by its id", async () => {
    const all = crowd()
    expect(await all.hub.disconnect({ peer: all.peer("ann2").id })).toBe(1)
    all.runtime.advance(1_000)
    expect(statuses(all)).toEqual(["open", "closed", "open"])
    expect(await all.hub.disconnect({ peer: "unheard-of" })).toBe(0)
  })

  it("closes those for which a function returns true", async () => {
    const all = crowd()
    all.peer("bob1").join("loud")
    expect(await all.hub.disconnect((peer) => peer.rooms.has("loud"))).toBe(1)
    expect(await all.hub.disconnect(() => "yes" as unknown as boolean)).toBe(0)
    all.runtime.advance(1_000)
    expect(statuses(all)).toEqual(["open", "open", "closed"])
  })

  it("closes none when the function throws", () => {
    const all = crowd()
    let calls = 0
    const who = (): boolean => {
      if (++calls === 3) throw new Error("no table")
      return true
    }
    expect(() => all.hub.disconnect(who)).toThrow("no table")
    expect(all.hub.peers.size).toBe(3)
  })

  it("with mayReturn lets the channels come back: they ask their auth, and begin a new session", async () => {
    const all = crowd()
    const { hub, runtime, channels, asked } = all
    const before = all.peer("ann1")
    const resets: unknown[] = []
    channels.ann1.onReset(({ closing }) => resets.push(closing.code))
    channels.ann1.send("hello")
    runtime.advance(1_000)
    expect(await hub.disconnect({ peer: before.id }, { mayReturn: true })).toBe(1)
    runtime.advance(10_000)
    expect(statuses(all)).toEqual(["open", "open", "open"])
    expect(asked[0]).toBe("ann1 connect")
    expect(before.closed).toBe(true)
    expect(all.peer("ann1")).not.toBe(before)
    expect(all.peer("ann1").principal.id).toBe("ann")
    expect(hub.peers.size).toBe(3)
  })

  it("reaches peers without a link: their channels hear of it when they come back", async () => {
    const all = crowd()
    all.channels.bob1.send("hello")
    all.runtime.advance(1_000)
    all.cut()
    all.runtime.advance(1_000)
    expect(await all.hub.disconnect({ principal: "bob" })).toBe(1)
    expect(all.hub.peers.size).toBe(2)
  })

  it("counts a peer once that an onClose listener of another has closed meanwhile", async () => {
    const all = crowd()
    const second = all.peer("ann2")
    all.peer("ann1").onClose(() => second.close())
    expect(await all.hub.disconnect({ principal: "ann" })).toBe(1)
    expect(all.hub.peers.size).toBe(1)
  })

  it.each<[string, unknown]>([
    ["a text, which could be either id", "ann"],
    ["nothing", undefined],
    ["null", null],
    ["an empty object", {}],
    ["a principal without its id", { principal: { id: "ann" } }],
    ["both", { principal: "ann", peer: "x" }],
    ["a misspelt name", { principal: "ann", pear: "x" }],
  ])("refuses %s as misuse", (_, who) => {
    const all = crowd()
    expect(() => all.hub.disconnect(who as { peer: string })).toThrow(expect.objectContaining({ code: "misuse" }))
    expect(all.hub.peers.size).toBe(3)
  })

  it("refuses unknown options", () => {
    const { hub } = crowd()
    const options = { mayreturn: true } as object
    expect(() => hub.disconnect({ peer: "x" }, options)).toThrow('disconnect has no option "mayreturn"')
    expect(() => hub.disconnect({ peer: "x" }, { reason: 7 } as object)).toThrow("reason wants string")
  })
})
