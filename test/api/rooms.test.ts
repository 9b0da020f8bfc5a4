import type { Channel } from "everwire"
import type { NodeHub, Peer } from "everwire/node"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { connect, disposeAll, nextOf, startHub } from "../support/hub-server.ts"

let hub: NodeHub
let members: { channel: Channel; peer: Peer; heard: string[] }[]

/** Connects three channels; each member has its channel, its peer, and a list of the words that it heard. */
beforeEach(async () => {
  const started = await startHub()
  hub = started.hub
  members = []
  for (let i = 0; i < 3; i++) {
    const peer = nextOf<Peer>((listener) => hub.onPeer(listener))
    const channel = await connect(started.url, { transports: ["websocket"] })
    const heard: string[] = []
    channel.on("word", (data) => heard.push(String(data)))
    members.push({ channel, peer: await peer, heard })
  }
})
afterEach(disposeAll)

/**
 * Sends a last message to every open channel and waits for it, so that no message is still on its way. Returns all
 * lists.
 */
async function everythingHeard(): Promise<string[][]> {
  const ends = members.map(({ channel }) => nextOf((listener) => channel.on("end", listener)))
  for (const { peer, channel } of members) if (!peer.closed) channel.status === "open" && peer.send("end")
  await Promise.all(ends)
  return members.map(({ heard }) => heard)
}

/** The peer at this index. */
function peer(n: number): Peer {
  const member = members[n]
  if (member === undefined) throw new RangeError(`there is no peer ${n}`)
  return member.peer
}

describe("rooms", () => {
  it("send to their members only", async () => {
    peer(0).join("lobby")
    peer(1).join("lobby")
    hub.to("lobby").send("word", "hello")
    hub.to("empty").send("word", "nobody hears this")
    expect(await everythingHeard()).toEqual([["hello"], ["hello"], []])
  })

  it("leave out one peer, several peers, or all peers in another room", async () => {
    for (let n = 0; n < 3; n++) peer(n).join("lobby")
    peer(1).join("muted")
    peer(2).join("muted")
    hub.to("lobby").except(peer(0)).send("word", "not 0")
    hub.to("lobby").except(peer(0), peer(1)).send("word", "not 0, 1")
    hub.to("lobby").except("muted").send("word", "not muted")
    hub.to("lobby").except("muted").except(peer(0)).send("word", "nobody")
    expect(await everythingHeard()).toEqual([["not muted"], ["not 0"], ["not 0", "not 0, 1"]])
  })

  it("in one call reach each of their members once", async () => {
    peer(0).join("a")
    peer(0).join("b")
    peer(1).join("b")
    hub.to("a", "b").send("word", "once")
    hub.to("b", "a", "b").except(peer(1)).send("word", "again")
    expect(await everythingHeard()).toEqual([["once", "again"], ["once"], []])
  })

  it("lose a member when it calls leave, and when its session ends", async () => {
    for (let n = 0; n < 3; n++) peer(n).join("lobby")
    peer(0).join("lobby")
    peer(0).leave("lobby")
    peer(0).leave("never joined")
    expect(peer(0).rooms).toEqual(new Set())
    expect(peer(1).rooms).toEqual(new Set(["lobby"]))
    const gone = peer(1)
    gone.close()
    expect(gone.rooms).toEqual(new Set())
    gone.join("lobby")
    expect(gone.rooms).toEqual(new Set())
    members.splice(1, 1)
    hub.to("lobby").send("word", "hello")
    expect(await everythingHeard()).toEqual([[], ["hello"]])
  })

  it.each(["__proto__", "constructor", "a room with spaces 🚪", "x".repeat(1_000)])(
    "may be called %j",
    async (room) => {
      hub.to(room).send("word", "nobody is there yet")
      peer(2).join(room)
      hub.to(room).send("word", "hello")
      expect(await everythingHeard()).toEqual([[], [], ["hello"]])
    },
  )
})

describe("a broadcast", () => {
  it("reaches every peer once, whether it is in a room or not", async () => {
    peer(0).join("lobby")
    hub.send("word", "all")
    expect(await everythingHeard()).toEqual([["all"], ["all"], ["all"]])
  })

  it("keeps its order with the messages that are sent to one peer", async () => {
    peer(0).send("word", 1)
    hub.send("word", 2)
    peer(0).send("word", 3)
    expect(await everythingHeard()).toEqual([["1", "2", "3"], ["2"], ["2"]])
  })

  it("of bytes gives each peer a copy of its own", async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const arrived = members.map(({ channel }) => nextOf<unknown>((listener) => channel.on("bytes", listener)))
    hub.send("bytes", bytes)
    bytes.fill(0)
    expect(await Promise.all(arrived)).toEqual(members.map(() => Uint8Array.of(1, 2, 3)))
  })
})

describe("the hub's peers", () => {
  it("are listed by their public id, which the channel knows too, until their session ends", async () => {
    expect([...hub.peers.keys()]).toEqual(members.map(({ peer }) => peer.id))
    expect(members.map(({ channel }) => channel.peerId)).toEqual(members.map(({ peer }) => peer.id))
    peer(0).close()
    expect(hub.peers.has(peer(0).id)).toBe(false)
  })

  it("tell which transport they use and which address they connect from", () => {
    expect(peer(0)).toMatchObject({ transport: "websocket", connected: true, closed: false, address: "127.0.0.1" })
  })
})
