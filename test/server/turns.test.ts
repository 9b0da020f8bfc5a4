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

/** The hub's end of a wire, and what the hub has said on it. */
class Wire implements Link {
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
    this.closedWith = code
  }
  hear(...packets: string[]): void {
    this.#sink.batch(packets.join("\n"))
  }
  leave(): void {
    this.#sink.closed({ code: "network", reason: "", retryable: true })
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
  const dial = (turn: number, rest: { holder?: string; hub?: string; heard?: number } = {}): Wire => {
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
  it("is obeyed when it is higher than the last, and the talk moves to its link", () => {
    const { dial, tell } = start()
    const first = dial(1)
    const second = dial(2)
    tell("where are you")
    expect(first.messages).toEqual([])
    expect(second.messages).toEqual(['mtold\t"where are you"'])
  })

  it("of a late hello is not obeyed: the talk stays where it is", () => {
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

  it("lets a spare link take the session, and has it told again what was not heard", () => {
    const { dial, tell } = start()
    const first = dial(1)
    tell("one")
    const spare = dial(0)
    spare.hear('t{"turn":2,"heard":0}')
    tell("two")
    expect(first.messages).toEqual(['mtold\t"one"'])
    expect(spare.messages).toEqual(['mtold\t"one"', 'mtold\t"two"'])
  })

  it("lets a link that was superseded win the session back", () => {
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

  it("does not matter to another holder of the key: the later one has the session, the earlier is told", () => {
    const { dial, tell, runtime } = start()
    const before = dial(7)
    const later = dial(1, { holder: "another-holder-of-twenty2" })
    tell("whose")
    expect(before.closedWith).toBe("session-taken")
    expect(later.messages).toEqual(['mtold\t"whose"'])
    expect(runtime.reported).toEqual([])
  })
})

describe("the hub that a hello names", () => {
  it("has the session: its own resumes, whatever the counters say", () => {
    const { dial, hub } = start()
    dial(1)
    expect(dial(2, { hub: hub.id }).said[0]).toContain('"resumed":true')
  })

  it("is another one: the session is not known here, even if a stray hello has begun one of this id", () => {
    const { dial, hub } = start()
    dial(1)
    const bound = dial(2, { hub: "another-hub-altogether" })
    expect(bound.said).toEqual([expect.stringContaining('"code":"session-unknown"')])
    expect(bound.said[0]).toContain(hub.id)
    expect(bound.closedWith).toBe("session-unknown")
  })

  it("has forgotten the session: it is not begun again, even from zero", () => {
    const { dial, hub, runtime } = start()
    dial(1).hear('b{"code":"closed","reason":"","retryable":true}')
    runtime.advance(1)
    expect(hub.peers.size).toBe(0)
    expect(dial(2, { hub: hub.id }).closedWith).toBe("session-unknown")
    expect(hub.peers.size).toBe(0)
  })

  it("is not named and something was heard: a session that is not known is not begun in the middle", () => {
    const { dial } = start()
    expect(dial(1, { heard: 1 }).closedWith).toBe("session-unknown")
  })

  it("is not named and the session was closed: it is not begun again as long as its other hellos may be on the way", () => {
    const { dial, hub, runtime } = start({ resumeMs: 0 })
    dial(1)
    for (const peer of hub.peers.values()) peer.close()
    runtime.advance(9_999)
    expect(dial(2).closedWith).toBe("closed-by-peer")
    expect(hub.peers.size).toBe(0)
  })

  it("is not named and the session has expired: neither is it begun again then, if anything was said in it", () => {
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
