import type { Batch, Closing, Dialer, EverwireError, Link, LinkSink } from "everwire"
import type { Acceptor, Door } from "everwire/node"
import { expect, it } from "vitest"
import { forMs, onTransport, startJourney } from "../support/journey.ts"

const broken: Closing = { code: "network", reason: "the wire broke", retryable: true }

/** One end of an in-memory link. What it does to the other end happens in a microtask, never inside the call. */
class End implements Link {
  readonly name = "memory"
  readonly bufferedBytes = 0
  sink: LinkSink | undefined
  other: End | undefined

  send(batch: Batch): void {
    queueMicrotask(() => this.other?.sink?.batch(batch))
  }

  close(why: Closing): void {
    this.sink = undefined
    queueMicrotask(() => this.other?.end(why))
  }

  end(why: Closing): void {
    const { sink } = this
    this.sink = undefined
    sink?.closed(why)
  }
}

/** A transport as an application would write it: both halves, and an in-memory wire that can fail. */
class MemoryTransport {
  /** Whether the wire accepts dials. */
  up = true
  #door: Door | undefined
  readonly #ends = new Set<End>()

  readonly acceptor: Acceptor = {
    name: "memory",
    open: (door) => {
      this.#door = door
      return {}
    },
  }

  readonly dialer: Dialer = {
    name: "memory",
    supported: () => true,
    dial: (_target, sink) => {
      const [near, far] = [new End(), new End()]
      near.sink = sink
      queueMicrotask(() => {
        if (near.sink === undefined) return // The link was closed before the dial arrived.
        if (!this.up || this.#door === undefined) return near.end(broken)
        near.other = far
        far.other = near
        far.sink = this.#door.admit(far, { transport: "memory", address: undefined, header: () => undefined })
        this.#ends.add(near).add(far)
      })
      return near
    },
  }

  /** Breaks every link, and refuses dials until the test sets `up`. */
  fail(): void {
    this.up = false
    for (const end of this.#ends) end.end(broken)
    this.#ends.clear()
  }
}

it("an application's own transport is used first, left when its wire refuses, and used again later", async ({
  onTestFinished,
}) => {
  const memory = new MemoryTransport()
  const { failures, flow: startFlow } = await startJourney(onTestFinished, {
    transports: [memory.acceptor, "long-poll"],
  })
  const { channel, peer, flow } = await startFlow({ transports: [memory.dialer, "long-poll"], reprobeMs: [300] })
  expect([channel.transport, peer.transport]).toEqual(["memory", "memory"])
  await forMs(300)

  memory.fail()
  await onTransport(channel, "long-poll")
  await channel.flush()
  expect(peer.transport).toBe("long-poll")
  expect(channel.explain().rungs).toMatchObject([
    { transport: "memory", standing: "broken", last: { what: "closed", closing: broken } },
    { transport: "long-poll", standing: "in-use" },
  ])
  await forMs(300)

  memory.up = true
  await onTransport(channel, "memory")
  await channel.flush()
  expect(peer.transport).toBe("memory")
  await forMs(300)

  const { up, down, resets, maxGapMs } = await flow.settled(5_000)
  console.log(`own transport: ${up.sent} each way, longest gap ${maxGapMs} ms`)
  const perfect = { lost: 0, doubled: 0, outOfOrder: 0 }
  expect({ up, down, resets }).toMatchObject({ up: perfect, down: perfect, resets: 0 })
  expect(failures).toEqual([])
})

it("an application's own transport carries requests and binary payloads like the others", async ({
  onTestFinished,
}) => {
  const memory = new MemoryTransport()
  const { hub, dial } = await startJourney(onTestFinished, { transports: [memory.acceptor] })
  hub.handle("reverse", (data) => (data as Uint8Array).toReversed())
  const channel = dial({ transports: [memory.dialer] })
  expect(await channel.request("reverse", new Uint8Array([1, 2, 3]))).toEqual(new Uint8Array([3, 2, 1]))
  await expect(channel.request("nothing")).rejects.toThrow(
    expect.objectContaining({ code: "request-unhandled" } satisfies Partial<EverwireError>),
  )
})
