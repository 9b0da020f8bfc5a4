import { EventSource } from "eventsource"
import { type ClientStream, createChannel, type TransportName } from "everwire"
import { createHub } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { cell, readDocument, tableUnder } from "./markdown.ts"

describe("the cost of an idle channel, as docs/transports.md gives it", () => {
  const { rows } = tableUnder(readDocument("docs/transports.md"), "What they cost", "transport")
  const idle = rows.map((row) => ({
    transport: cell(row, "transport"),
    requests: Number(cell(row, "requests per idle minute")),
    held: Number(cell(row, "requests held open")),
  }))

  it.each(idle.filter(({ transport }) => transport !== "websocket"))(
    "$transport: at most $requests requests a minute, $held held open",
    async ({ transport, requests, held }) => {
      const measured = await measure(transport as TransportName)
      expect(measured.held).toBe(held)
      expect(measured.requests).toBeLessThanOrEqual(requests)
      expect(measured.requests).toBeGreaterThanOrEqual(requests / 2)
    },
  )
})

/** Returns the requests a minute of an idle channel over ten minutes, and those that are held. No network, virtual time. */
async function measure(transport: TransportName): Promise<{ requests: number; held: number }> {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime })
  let asked = 0
  let open = 0
  const fetch = async (url: string | URL | Request, init?: unknown): Promise<Response> => {
    asked++
    open++
    const answer = await hub.fetch(new Request(url, init as RequestInit))
    // An event stream stays open after its headers.
    if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) open--
    return answer
  }
  const channel = createChannel("http://hub.example", {
    runtime,
    store: null,
    transports: [transport],
    platform: {
      fetch,
      // The object has the same interface.
      openStream: (url) => new EventSource(url, { fetch }) as unknown as ClientStream,
    },
  })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      runtime.advance(250)
      // The consequences of an answer need no virtual time but a few turns of the event loop.
      for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  channel.send("something")
  await pass(60_000)
  expect(channel.status).toBe("open")
  const before = asked
  await pass(600_000)
  const measured = { requests: Math.round((asked - before) / 10), held: open }
  const closed = channel.close()
  await pass(5_000) // The bye takes time.
  await closed
  await hub.close()
  return measured
}
