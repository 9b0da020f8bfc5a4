import { createHub } from "everwire/server"
import { describe, expect, it } from "vitest"
import { Pieces } from "../../src/server/limits/pieces.ts"

/** Bytes of which no two neighbours are the same. */
const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7) % 251)

/** A body divided into pieces of these sizes, one after another and again. */
function divide(body: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, n = 0; at < body.length; n++) {
    const size = sizes[n % sizes.length] ?? 1
    pieces.push(body.subarray(at, at + size))
    at += size
  }
  return pieces
}

describe("the pieces of a body", () => {
  it.each([
    ["one", [100_000]],
    ["large ones", [16_384]],
    ["small ones", [40]],
    ["small ones that do not fill the shared array evenly", [1_000]],
    ["small and large ones in turn", [1_023, 1_024, 100, 20_000, 17]],
  ])("are joined to what they were: %s", (_, sizes) => {
    const body = bytesOf(100_000)
    const pieces = new Pieces()
    for (const [n, piece] of divide(body, sizes).entries()) {
      pieces.add(piece)
      // Whoever looks at the beginning sees it, and what follows is not disturbed by that.
      if (n % 50 === 20) expect(Buffer.compare(pieces.join(), body.subarray(0, pieces.bytes))).toBe(0)
    }
    expect(pieces.bytes).toBe(body.length)
    expect(Buffer.compare(pieces.join(), body)).toBe(0)
  })

  it("may be small where they are few, and are refused with protocol-error where they are many", () => {
    const pieces = new Pieces()
    for (let n = 0; n < 256; n++) pieces.add(Uint8Array.of(n))
    expect(() => pieces.add(Uint8Array.of(0))).toThrowError(
      expect.objectContaining({ code: "protocol-error", message: "the body comes in pieces of a few bytes" }),
    )
  })

  it("may hold 16 bytes each, however many they are", () => {
    const pieces = new Pieces()
    for (const piece of divide(bytesOf(1_000_000), [16])) pieces.add(piece)
    expect(pieces.bytes).toBe(1_000_000)
  })

  it("that are small do not keep the memory that they are views of", () => {
    const pieces = new Pieces()
    const memory = bytesOf(65_536)
    for (let n = 0; n < 100; n++) pieces.add(memory.subarray(n, n + 20))
    const before = pieces.join()
    memory.fill(0)
    // The first eight were kept as they came.
    expect(Buffer.compare(before.subarray(160), pieces.join().subarray(160))).toBe(0)
  })

  it("of a request of the web are refused in the same way: 400", async () => {
    const hub = createHub({ transports: ["long-poll"] })
    let count = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (count++ < 5_000) controller.enqueue(Uint8Array.of(64))
        else controller.close()
      },
    })
    const init = { method: "POST", body, headers: { "content-type": "text/plain" }, duplex: "half" }
    const answer = await hub.fetch(new Request("http://hub.example/everwire/long-poll", init))
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain("pieces of a few bytes")
    expect(count).toBeLessThan(300)
    await hub.close()
  })
})
