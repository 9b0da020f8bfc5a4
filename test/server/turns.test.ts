import type { Acceptor, Door, Link, LinkSink, WebHubOptions } from "everwire/server"
import { createHub } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const SESSION = {
  v: 1,
  id: "session-of-the-turns-test",
  key: "the-key-of-the-turns-test",
  heard: 0,
  acked: 0,
  holder: "one-holder-of-twenty-two",
}

/** The hub's end of a link, with what the hub has sent on it. */
class Wire implements Link {
  readonly name = "wire"
  readonly bufferedBytes = 0
  readonly batches: string[] = []
  closedWith: string | undefined
  readonly #sink: LinkSink

  constructor(door: Door) {
    this.#sink = door.admit(this, { transport: "wire", address: undefined, header: () => undefined })
  }
  send(batch: string | Uint8Array): void {
    this.batches.push(String(batch))
  }
  close({ code }: { code: string }): void {
    this.closedWith = code
  }
  hear(...packets: string[]): void {
    this.#sink.batch(packets.join("\n"))
  }
  leave(): void {
    this.#sink.closed({ code: "network", reason: "", retryable: true })
  }
  get said(): string[] {
    return this.batches.flatMap((batch) => batch.split("\n"))
  }
  get messages(): string[] {
    return this.said.filter((packet) => packet.startsWith("m"))
  }
}

function start(options: WebHubOptions = {}) {
  const runtime = createVirtualRuntime()
  let door: Door | undefined
  const acceptor: Acceptor = {
    name: "wire",
    open(opened) {
      door = opened
      return {}
    },
  }
  const hub = createHub({ ...options, runtime, transports: [acceptor] })
  type Rest = { holder?: string; hub?: string; heard?: number; acked?: number; clock?: number }
  const dial = (turn: number, rest: Rest = {}): Wire => {
    if (door === undefined) throw new Error("the hub has not opened its door")
    const wire = new Wire(door)
    wire.hear(`h${JSON.stringify({ ...SESSION, ...rest, turn })}`)
    return wire
  }
  const tell = (text: string): void => {
    hub.send("told", text)
    runtime.advance(1)
  }
  return { runtime, hub, dial, tell }
}

describe("the turn of a hello or a take", () => {
  it("makes its link the current one when it is higher than the last turn", () => {
    const { dial, tell } = start()
    const first = dial(1)
    const second = dial(2)
    tell("where are you")
    expect(first.messages).toEqual([])
    expect(second.messages).toEqual(['mtold\t"where are you"'])
  })

  it("of a late hello is ignored, and the current link stays", () => {
    const { dial, tell } = start()
    const winner = dial(2)
    const late = dial(1)
    tell("stay")
    expect(late.said[0]).toContain('"attached":false')
    expect(winner.messages).toEqual(['mtold\t"stay"'])
  })

  it("of a late take is not obeyed either", () => {
    const { dial, tell } = start()
    const winner = dial(5)
    const spare = dial(0)
    spare.hear('t{"turn":3,"heard":0}')
    tell("stay")
    spare.hear('t{"turn":5,"heard":0}')
    tell("still")
    expect(winner.messages).toEqual(['mtold\t"stay"', 'mtold\t"still"'])
    expect(spare.messages).toEqual([])
  })

  it("lets a spare link take the session, and has the unheard messages repeated on it", () => {
    const { dial, tell } = start()
    const first = dial(1)
    tell("one")
    const spare = dial(0)
    spare.hear('t{"turn":2,"heard":0}')
    tell("two")
    expect(first.messages).toEqual(['mtold\t"one"'])
    expect(spare.messages).toEqual(['mtold\t"one"', 'mtold\t"two"'])
  })

  it("lets a link that was superseded become current again", () => {
    const { dial, tell } = start()
    const first = dial(1)
    dial(2)
    first.hear('t{"turn":3,"heard":0}')
    tell("back")
    expect(first.messages).toEqual(['mtold\t"back"'])
    expect(first.closedWith).toBeUndefined()
  })

  it("leaves a spare link that nobody takes 15 s, then closes it as superseded", () => {
    const { dial, runtime } = start()
    const winner = dial(2)
    const spare = dial(0)
    runtime.advance(14_999)
    winner.hear("a0")
    expect(spare.closedWith).toBeUndefined()
    runtime.advance(1)
    expect(spare.closedWith).toBe("superseded")
    expect(winner.closedWith).toBeUndefined()
  })

  it("is not compared between two holders of the key: the later one has the session, the earlier is told", () => {
    const { dial, tell, runtime } = start()
    const before = dial(7)
    const later = dial(1, { holder: "another-holder-of-twenty2" })
    tell("whose")
    expect(before.closedWith).toBe("session-taken")
    expect(later.messages).toEqual(['mtold\t"whose"'])
    expect(runtime.reported).toEqual([])
  })
})

describe("a hello without a turn", () => {
  it("begins a session: its link is spare until it is taken, and then carries the waiting messages", () => {
    const { dial, tell, hub } = start()
    const first = dial(0)
    expect(first.said[0]).toContain('"attached":false')
    expect(first.said[0]).toContain('"resumed":false')
    expect(hub.peers.size).toBe(1)
    tell("one")
    expect(first.messages).toEqual([])
    first.hear('t{"turn":1,"heard":0}')
    tell("two")
    expect(first.messages).toEqual(['mtold\t"one"', 'mtold\t"two"'])
  })

  it("begins one session together with the parallel hellos, and only one link carries the messages", () => {
    const { dial, tell, hub } = start()
    const [one, other] = [dial(0), dial(0)]
    tell("once")
    other.hear('t{"turn":1,"heard":0}')
    expect(hub.peers.size).toBe(1)
    expect([one.messages, other.messages]).toEqual([[], ['mtold\t"once"']])
  })

  it.each([
    ["something was heard", { heard: 1 }],
    ["something was acknowledged", { acked: 1 }],
    ["it names this hub", { hub: "this" }],
  ])("begins none where %s before", (_, rest) => {
    const { dial, hub } = start()
    const named = "hub" in rest ? { hub: hub.id } : rest
    const refused = dial(0, named)
    expect(refused.said).toEqual([expect.stringContaining('"code":"session-unknown"')])
    expect(refused.closedWith).toBeUndefined()
    expect(hub.peers.size).toBe(0)
  })

  it("begins a session that expires 5 s after its link is lost", () => {
    const { dial, hub, runtime } = start()
    dial(0).leave()
    runtime.advance(4_999)
    expect(hub.peers.size).toBe(1)
    runtime.advance(1)
    expect(hub.peers.size).toBe(0)
  })

  it("begins a session that does not expire while its link waits to be taken", () => {
    const { dial, tell, hub, runtime } = start()
    const spare = dial(0)
    runtime.advance(14_999)
    expect(hub.peers.size).toBe(1)
    spare.hear('t{"turn":1,"heard":0}')
    tell("still here")
    expect(spare.messages).toEqual(['mtold\t"still here"'])
  })

  it("has the session once it takes it: an earlier holder of the key is told, and its own link stays", () => {
    const { dial, tell } = start()
    const before = dial(3)
    const later = dial(0, { holder: "another-holder-of-twenty2" })
    expect(before.closedWith).toBeUndefined()
    later.hear('t{"turn":1,"heard":0}')
    tell("whose")
    expect([before.closedWith, later.closedWith]).toEqual(["session-taken", undefined])
    expect(later.messages).toEqual(['mtold\t"whose"'])
  })

  it("counts as sent by the holder that began the session, and as different from another holder", () => {
    const { dial } = start()
    const spare = dial(0)
    spare.hear('t{"turn":1,"heard":0}')
    dial(1, { holder: "another-holder-of-twenty2" })
    expect(spare.closedWith).toBe("session-taken")
  })

  it("begins a session whose messages the hub keeps until its link is taken", () => {
    const { dial, hub, runtime } = start()
    hub.onPeer((peer) => peer.send("greeting", "x"))
    const spare = dial(0)
    runtime.advance(1_000)
    spare.hear('t{"turn":1,"heard":0}')
    runtime.advance(1)
    expect(spare.messages).toEqual(['mgreeting\t"x"'])
  })

  it("begins a session that expires when nobody takes the link in time", () => {
    const { dial, hub, runtime } = start()
    const spare = dial(0)
    runtime.advance(15_000)
    expect(spare.closedWith).toBe("superseded")
    runtime.advance(5_000)
    expect(hub.peers.size).toBe(0)
  })
})

describe("what a welcome tells", () => {
  it("goes in a batch of its own, before any messages", () => {
    const { dial, hub } = start()
    hub.onPeer((peer) => peer.send("first", 1))
    const { batches } = dial(1)
    expect(batches).toEqual([expect.stringMatching(/^w[^\n]*$/), "n1\nmfirst\t1"])
  })

  it("is the number of the hub's last message, where the channel has not heard all messages", () => {
    const { dial, tell } = start()
    dial(1)
    tell("one")
    tell("two")
    expect(dial(2).said[0]).toContain('"said":2')
    expect(dial(0, { heard: 1 }).said[0]).toContain('"said":2')
  })

  it("has no such number where the channel has heard all messages", () => {
    const { dial, tell } = start()
    expect(dial(1).said[0]).not.toContain("said")
    tell("one")
    expect(dial(2, { heard: 1 }).said[0]).not.toContain("said")
  })

  it("is how many bytes the hub has heard of a packet in parts", () => {
    const { dial } = start()
    const first = dial(1)
    first.hear("n1", "fmtold\t12")
    expect(dial(2).said[0]).toContain('"heard":0,"part":8')
  })
})

describe("the clock times in a hello and its welcome", () => {
  it("are the channel's and the hub's, in whole milliseconds", () => {
    const { dial, runtime } = start()
    runtime.advance(1_234.5)
    expect(dial(1).said[0]).toContain(`"clock":${Math.floor(runtime.now())},`)
  })

  it("let the hub measure the first mark of a link: its queuing delay is its time above that of the hello", () => {
    const { dial, runtime } = start()
    const wire = dial(1, { clock: runtime.now() - 50 })
    wire.hear(`p7,${runtime.now() - 350}`)
    runtime.advance(1)
    expect(wire.said).toContain("a0,7,300")
  })

  it("may be missing: then the first mark counts as not queued", () => {
    const { dial, runtime } = start()
    const wire = dial(1)
    wire.hear(`p7,${runtime.now() - 350}`)
    runtime.advance(1)
    expect(wire.said).toContain("a0,7,0")
  })
})

describe("the hub that a hello names", () => {
  it("knows the session: the hello resumes it, whatever its counts say", () => {
    const { dial, hub } = start()
    dial(1)
    expect(dial(2, { hub: hub.id }).said[0]).toContain('"resumed":true')
  })

  it("is another one: the session is unknown here, even if a stray hello has begun one with this id", () => {
    const { dial, hub } = start()
    dial(1)
    const bound = dial(2, { hub: "another-hub-altogether" })
    expect(bound.said).toEqual([expect.stringContaining('"code":"session-unknown"')])
    expect(bound.said[0]).toContain(hub.id)
    expect(bound.closedWith).toBeUndefined()
  })

  it("has forgotten the session: the session is not begun again, even from zero", () => {
    const { dial, hub, runtime } = start()
    dial(1).hear('b{"code":"closed","reason":"","retryable":true}')
    runtime.advance(1)
    expect(hub.peers.size).toBe(0)
    expect(dial(2, { hub: hub.id }).said).toEqual([expect.stringContaining('"code":"session-unknown"')])
    expect(hub.peers.size).toBe(0)
  })

  it("is missing although the channel has heard something: an unknown session does not begin in the middle", () => {
    const { dial } = start()
    expect(dial(1, { heard: 1 }).said).toEqual([expect.stringContaining('"code":"session-unknown"')])
  })

  it("does not know the session: the link may send another hello once, within 5 s", () => {
    const { dial, hub, runtime } = start()
    const hello = { heard: 1 }
    const [back, stubborn, mute] = [dial(1, hello), dial(1, hello), dial(1, hello)]
    back.hear(`h${JSON.stringify({ ...SESSION, id: "another-session-of-a-token", turn: 1 })}`)
    expect(back.said[1]).toContain('"attached":true')
    expect(hub.peers.size).toBe(1)
    stubborn.hear(`h${JSON.stringify({ ...SESSION, ...hello, id: "a-third-session-of-a-token", turn: 1 })}`)
    expect(stubborn.closedWith).toBe("session-unknown")
    runtime.advance(4_999)
    expect([back.closedWith, mute.closedWith]).toEqual([undefined, undefined])
    runtime.advance(1)
    expect([back.closedWith, mute.closedWith]).toEqual([undefined, "hello-timeout"])
  })

  it("is missing and the session was closed: it is not begun again while its other hellos may be on their way", () => {
    const { dial, hub, runtime } = start({ resumeMs: 0 })
    dial(1)
    for (const peer of hub.peers.values()) peer.close()
    runtime.advance(9_999)
    expect(dial(2).closedWith).toBe("closed-by-peer")
    expect(hub.peers.size).toBe(0)
  })

  it("is missing and the session has expired: it is not begun again if any message was sent in it", () => {
    const { dial, hub, tell, runtime } = start({ resumeMs: 0 })
    const first = dial(1)
    tell("one")
    first.leave()
    runtime.advance(9_999)
    expect(dial(2).closedWith).toBe("session-unknown")
    runtime.advance(1)
    expect(hub.peers.size).toBe(0)
  })
})
