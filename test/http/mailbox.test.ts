import { longPollAcceptor, shortPollAcceptor, sseAcceptor } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Link } from "../../src/session/link.ts"
import { decodeBody, type Envelope, encodeBody, TEXT_TYPE } from "../../src/transports/http/envelope.ts"
import type { Acceptor } from "../../src/transports/transport.ts"
import { EXCHANGES_AT_ONCE, PACKET_OVERHEAD_BYTES } from "../../src/wire/defaults.ts"
import { closing } from "../../src/wire/errors.ts"

const HOLD_MS = 1_000

/** A request, and its answer so far. */
interface Asked {
  /** Undefined while the request is held. */
  status?: number
  /** The batch of the answer; `""` where it had none. */
  brought?: string
  /** The code of the error that the acceptor threw. */
  refused?: string
}

/** The hub's end of one welcomed link, and a way to send its channel's requests. */
interface World {
  readonly runtime: VirtualRuntime
  readonly link: Link
  /** Batches that were heard after the hello. */
  readonly heard: string[]
  /** The values of `link.asked`: while the welcome waited, and each time that the link became writable. */
  readonly asked: (number | undefined)[]
  /** Called when the link becomes writable; a test may set it to send more. */
  onRoom(): void
  /** Sends a request, and ends the tick. */
  ask(envelope: Envelope, batch?: string): Promise<Asked>
  poll(number: number): Promise<Asked>
  /** Polls, and sends `batch` for the answer. */
  bring(number: number, batch: string): Promise<void>
}

async function meet(acceptor: Acceptor = longPollAcceptor()): Promise<World> {
  const runtime = createVirtualRuntime()
  const heard: string[] = []
  const asked: World["asked"] = []
  const links: Link[] = []
  /** The secret id of the link, from its first answer. */
  let secret: string | undefined
  const open = acceptor.open({
    runtime,
    clockwork: new Clockwork(runtime),
    hub: "hub",
    maxBatchBytes: 100_000,
    holdMs: HOLD_MS,
    admit(link) {
      links.push(link)
      return {
        batch(batch) {
          if (batch !== "hello") {
            heard.push(String(batch))
            return
          }
          link.send("welcome")
          asked.push(link.asked)
        },
        closed() {},
        writable() {
          asked.push(link.asked)
          world.onRoom()
        },
      }
    },
  })
  const ask: World["ask"] = async (envelope, batch) => {
    const request: Asked = {}
    const body = encodeBody({ link: secret, ...envelope }, batch === undefined ? [] : [batch])
    const served = open.exchange?.({
      method: "POST",
      path: `/everwire/${acceptor.name}`,
      query: () => undefined,
      header: (name) => (name === "content-type" ? TEXT_TYPE : undefined),
      address: undefined,
      body: async () => Buffer.from(body),
      respond(status, headers, text = "") {
        expect(request).toEqual({}) // A request must not be answered twice.
        const answer = decodeBody(Buffer.from(text), headers["content-type"] ?? "")
        Object.assign(request, { status, brought: String(answer.batch ?? "") })
        secret ??= answer.envelope.link
      },
      stream: () => expect.unreachable(),
      onAbort() {},
    })
    served?.catch(({ code }: { code: string }) => Object.assign(request, { refused: code }))
    await runtime.pass(0)
    return request
  }
  const world: Omit<World, "link"> = {
    runtime,
    heard,
    asked,
    onRoom() {},
    ask,
    poll: (poll) => ask({ poll }),
    async bring(poll, batch) {
      links[0]?.send(batch)
      expect(await ask({ poll })).toEqual({ status: 200, brought: batch })
    },
  }
  await ask({ up: 1, poll: acceptor.name === "sse" ? undefined : 1 }, "hello")
  const [link = expect.unreachable("nothing was admitted")] = links
  return Object.assign(world, { link })
}

describe("a poll", () => {
  it("is answered at the end of the tick, with all packets of that tick", async () => {
    const { runtime, link, poll } = await meet()
    const held = await poll(2)
    link.send("a")
    link.send("b")
    expect(held).toEqual({})
    link.send("c")
    await runtime.pass(0)
    expect(held).toEqual({ status: 200, brought: "a\nb\nc" })
  })

  it("that finds packets waiting is also answered with packets that are sent because of it", async () => {
    const world = await meet()
    world.link.send("a")
    world.onRoom = () => world.link.send("b")
    expect(await world.poll(2)).toEqual({ status: 200, brought: "a\nb" })
  })

  it("is answered with nothing when its hold time is over", async () => {
    const { runtime, poll } = await meet()
    const held = await poll(2)
    await runtime.pass(HOLD_MS - 1)
    expect(held).toEqual({})
    await runtime.pass(1)
    expect(held).toEqual({ status: 200, brought: "" })
  })

  it("is answered with nothing when the next poll arrives, which has its own full hold time", async () => {
    const { runtime, poll } = await meet()
    const older = await poll(2)
    await runtime.pass(HOLD_MS / 2)
    const next = await poll(3)
    expect(older).toEqual({ status: 200, brought: "" })
    await runtime.pass(HOLD_MS - 1)
    expect(next).toEqual({})
    await runtime.pass(1)
    expect(next).toEqual({ status: 200, brought: "" })
  })

  it("that comes before its turn is held until then, although packets wait", async () => {
    const { runtime, link, poll } = await meet()
    const early = await poll(3)
    link.send("a")
    await runtime.pass(0)
    expect(early).toEqual({})
    const due = await poll(2)
    expect([due.brought, early.brought]).toEqual(["a", undefined])
    link.send("b")
    await runtime.pass(0)
    expect(early.brought).toBe("b")
  })

  it("is answered in the order of the numbers, whichever of three arrives first", async () => {
    const { runtime, link, poll } = await meet()
    const fourth = await poll(4)
    const third = await poll(3)
    const second = await poll(2)
    expect([second.brought, third.brought, fourth.brought]).toEqual(["", "", undefined])
    link.send("a")
    await runtime.pass(0)
    expect(fourth.brought).toBe("a")
  })

  it("that is repeated while it is held replaces the first request, which is answered with nothing", async () => {
    const { runtime, link, poll } = await meet()
    const first = await poll(2)
    const again = await poll(2)
    expect([first.brought, again.brought]).toEqual(["", undefined])
    link.send("a")
    await runtime.pass(0)
    expect(again.brought).toBe("a")
  })

  it("that is repeated before its turn keeps its place", async () => {
    const { link, poll } = await meet()
    const first = await poll(3)
    const again = await poll(3)
    link.send("a")
    const due = await poll(2)
    expect([first.brought, due.brought, again.brought]).toEqual(["", "a", undefined])
  })

  it("is answered again with the same packets while it is one of the last three, however often it comes", async () => {
    const { bring, poll } = await meet()
    await bring(2, "two")
    await bring(3, "three")
    await bring(4, "four")
    for (const number of [2, 3, 4, 2, 3, 4]) {
      expect((await poll(number)).brought).toBe({ 2: "two", 3: "three", 4: "four" }[number])
    }
  })

  it("is answered 409 once three later ones were answered: a channel sends the third after this answer", async () => {
    const { bring, poll } = await meet()
    await bring(2, "two")
    await bring(3, "three")
    await bring(4, "four")
    await bring(5, "five")
    expect([await poll(2), await poll(3)]).toEqual([
      expect.objectContaining({ status: 409 }),
      { status: 200, brought: "three" },
    ])
  })

  it.each([0, 2 + EXCHANGES_AT_ONCE, 99])(
    "of number %i after the first is answered 409, and does not affect other polls",
    async (number) => {
      const { bring, poll } = await meet()
      expect(await poll(number)).toMatchObject({ status: 409 })
      await bring(2, "two")
    },
  )

  it.each([2, 3, 4])(
    "is answered at the end of its link, although it is number %i and the first was the last",
    async (number) => {
      const { runtime, link, poll } = await meet()
      const held = await poll(number)
      link.close(closing("closed-by-peer", "done", false))
      await runtime.pass(0)
      expect(held).toMatchObject({ status: 200 })
    },
  )

  it("brings the packets sent before the end of its link, although a later poll arrived first", async () => {
    const { runtime, link, poll } = await meet()
    const early = await poll(3)
    link.send("last words")
    link.close(closing("closed-by-peer", "done", false))
    await runtime.pass(0)
    expect(early).toEqual({ status: 200, brought: "" })
    expect(await poll(2)).toEqual({ status: 200, brought: "last words" })
  })
})

describe.each([longPollAcceptor(), shortPollAcceptor()])("a poll over $name", (acceptor) => {
  it("may bring acks, which are heard each time that they come, between the uploads", async () => {
    const { ask, heard } = await meet(acceptor)
    await ask({ up: 2 }, "p7")
    await ask({ poll: 2 }, "a2")
    await ask({ poll: 3 }, "a1\na1,7,0")
    await ask({ poll: 3 }, "a1\na1,7,0")
    await ask({ up: 3 }, "p8")
    expect(heard).toEqual(["p7", "a2", "a1\na1,7,0", "a1\na1,7,0", "p8"])
  })

  it.each(["p7", "n1\nmx\t1", "a1\np7", "", "b{}"])(
    "that brings %j is refused, and no packet of it is heard",
    async (batch) => {
      const { ask, bring, heard } = await meet(acceptor)
      expect(await ask({ poll: 2 }, batch)).toEqual({ refused: "protocol-error" })
      expect(heard).toEqual([])
      await bring(2, "two")
    },
  )
})

describe("the hub's end of a link", () => {
  it("counts the polls that it holds, including those that wait for their turn", async () => {
    const { link, asked, poll } = await meet()
    const counts = [link.asked]
    for (const number of [4, 3]) {
      await poll(number)
      counts.push(link.asked)
    }
    asked.length = 0
    await poll(2)
    expect([...counts, asked[0], link.asked]).toEqual([0, 1, 2, 3, 1])
  })

  it("has no poll to answer while its welcome waits, because the welcome goes alone", async () => {
    const { asked } = await meet()
    expect(asked).toEqual([0, 0])
  })

  it("becomes writable when a poll arrives", async () => {
    const { asked, poll } = await meet()
    asked.length = 0
    await poll(2)
    expect(asked).toContain(1)
  })

  it("counts no polls over SSE, where a stream takes everything", async () => {
    const { link, asked } = await meet(sseAcceptor())
    expect([link.asked, ...asked]).toEqual([undefined, undefined])
  })
})

describe("an upload", () => {
  it("is heard once, however often it comes", async () => {
    const { ask, heard } = await meet()
    for (const up of [2, 2, 3, 2, 3]) expect(await ask({ up }, `upload ${up}`)).toMatchObject({ status: 200 })
    expect(heard).toEqual(["upload 2", "upload 3"])
  })
})

describe("the bytes that a mailbox keeps", () => {
  it("count an overhead for each waiting batch, and two bytes per unit where a text needs them", async () => {
    const { link } = await meet()
    const before = link.bufferedBytes
    for (let n = 0; n < 100; n++) link.send("a0,1")
    expect(link.bufferedBytes - before).toBe(100 * (4 + PACKET_OVERHEAD_BYTES))
    link.send("€".repeat(1_000))
    expect(link.bufferedBytes - before).toBe(100 * (4 + PACKET_OVERHEAD_BYTES) + 2_000 + PACKET_OVERHEAD_BYTES)
  })

  it("are the answers that may be requested again, and uploads that came before their turn", async () => {
    const { link, ask, bring } = await meet()
    const before = link.keptBytes ?? 0
    await bring(2, "x".repeat(10_000))
    expect((link.keptBytes ?? 0) - before).toBe(10_000 + PACKET_OVERHEAD_BYTES)
    await ask({ up: 3 }, "y".repeat(5_000))
    expect((link.keptBytes ?? 0) - before).toBe(15_000 + 2 * PACKET_OVERHEAD_BYTES)
  })

  it("are zero after the mailbox is abandoned", async () => {
    const { link, ask, bring } = await meet()
    await bring(2, "x".repeat(10_000))
    await ask({ up: 3 }, "y".repeat(5_000))
    link.send("z".repeat(5_000))
    link.abandon?.()
    expect([link.bufferedBytes, link.keptBytes]).toEqual([0, 0])
  })
})
