import { createHub, type Hub } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** Sends a body to a hub in pieces of this size, one each 14 s, and returns the status of the answer. */
async function bring(runtime: VirtualRuntime, hub: Hub, bytes: number, pieceBytes: number): Promise<number> {
  let pieces: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      pieces = controller
    },
  })
  const init = { method: "POST", body, duplex: "half" } as RequestInit // the DOM's types lack `duplex`
  const answer = hub.fetch(new Request("http://hub.test/everwire/long-poll", init))
  let status = 0
  void answer.then((response) => {
    status = response.status
  })
  for (let left = bytes; left > 0 && status === 0; left -= pieceBytes) {
    pieces?.enqueue(new Uint8Array(Math.min(left, pieceBytes)))
    await runtime.pass(14_000)
  }
  if (status === 0) pieces?.close()
  await runtime.pass(20_000)
  return status
}

describe("the body of a request to hub.fetch", () => {
  it("may take long while it makes progress", async () => {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime })
    // The body was read to its end; 400 because zeros are not an envelope.
    expect(await bring(runtime, hub, 16_500, 1_100)).toBe(400)
    await hub.close()
  })

  it("is given up where less than 1 KiB arrives in 15 s", async () => {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime })
    expect(await bring(runtime, hub, 20_000, 300)).toBe(408)
    await hub.close()
  })
})
