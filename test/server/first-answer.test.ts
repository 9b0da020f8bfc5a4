import { createHub, type HttpExchange, type Hub } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const HELLO = {
  v: 1,
  id: "session-of-the-first-answers",
  key: "the-key-of-the-first-answers",
  heard: 0,
  acked: 0,
  holder: "one-holder-of-twenty-two",
  turn: 1,
}

function start(transport: "sse" | "long-poll" | "short-poll"): { runtime: VirtualRuntime; hub: Hub } {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime, transports: [transport] })
  return { runtime, hub }
}

/** Sends a request and waits 1 ms. Returns the pieces that the hub wrote, one for each write. */
async function ask(runtime: VirtualRuntime, hub: Hub, path: string, body: string, ticket?: string): Promise<string[]> {
  const written: string[] = []
  const exchange: HttpExchange = {
    method: ticket === undefined ? "POST" : "GET",
    path: `/everwire/${path}`,
    address: undefined,
    query: () => ticket,
    header: () => undefined,
    body: () => Promise.resolve(new TextEncoder().encode(body)),
    respond: (_status, _headers, answer) => void written.push(String(answer)),
    stream: () => ({ bufferedBytes: 0, write: (text) => void written.push(text), end() {}, onDrain() {} }),
    onAbort() {},
  }
  hub.exchange(exchange)
  await runtime.pass(1)
  return written
}

describe.each(["long-poll", "short-poll"] as const)("the first answer over %s", (transport) => {
  const hello = `@{"up":1,"poll":1}\nh${JSON.stringify(HELLO)}`

  it("brings the welcome alone, and the next answer brings the packets after it", async () => {
    const { runtime, hub } = start(transport)
    await ask(runtime, hub, transport, hello)
    // This hello is for another link of the session and takes no turn, so the answer to its probe is a batch of its
    // own.
    const probing = JSON.stringify({ ...HELLO, turn: 0, hub: hub.id })
    const [first = ""] = await ask(runtime, hub, transport, `@{"up":1,"poll":1}\nh${probing}\np7`)
    const [envelope = "", ...packets] = first.split("\n")
    expect(packets).toEqual([expect.stringMatching(/^w/)])
    const { link } = JSON.parse(envelope.slice(1))
    // A first poll cannot be repeated: a channel that did not get its answer does not know the link's id.
    const [again = ""] = await ask(runtime, hub, transport, `@{"link":"${link}","poll":1}`)
    expect(JSON.parse(again.slice(1))).toMatchObject({ close: { code: "refused", reason: "poll 1 after 1" } })
    const [next = ""] = await ask(runtime, hub, transport, `@{"link":"${link}","poll":2}`)
    expect(next).toContain("a0,7")
  })

  it("brings a closing with its bye, and the packets before it", async () => {
    const { runtime, hub } = start(transport)
    const [answer = ""] = await ask(runtime, hub, transport, `${hello}\nz`)
    const [envelope = "", ...packets] = answer.split("\n")
    expect(JSON.parse(envelope.slice(1))).toMatchObject({ close: { code: "protocol-error" } })
    expect(packets.map((packet) => packet.charAt(0)).filter((kind) => kind !== "n")).toEqual(["w", "b"])
  })
})

describe("the stream of sse", () => {
  it("brings each batch as one event", async () => {
    const { runtime, hub } = start("sse")
    const [opened = ""] = await ask(runtime, hub, "sse", `@{"up":1}\nh${JSON.stringify(HELLO)}\np7`)
    const { ticket } = JSON.parse(opened.slice(1))
    const events = await ask(runtime, hub, "sse", "", ticket)
    expect(events).toHaveLength(2)
    expect(events[0]).toMatch(/^data:w\{[^\n]*\n\n$/)
    expect(events[1]).toBe("data:a0,7\n\n")
  })
})
