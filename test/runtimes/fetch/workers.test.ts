import { createVirtualRuntime } from "everwire/testing"
import { createHub } from "everwire/workers"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { hello } from "../../hostile/attack.ts"
import { asking, FakeWebSocket } from "./fakes.ts"

/** The state of a Durable Object. */
const state = { blockConcurrencyWhile: (run: () => Promise<unknown>) => run() }
const sockets: FakeWebSocket[] = []

class Pair {
  readonly 0 = "the client's socket"
  readonly 1 = new FakeWebSocket()

  constructor() {
    sockets.push(this[1])
  }
}

/** workerd's Response, which Node's refuses to be: it may have the status 101. */
class WorkersResponse {
  readonly init: unknown

  constructor(_body: unknown, init: unknown) {
    this.init = init
  }
}

beforeEach(() => {
  sockets.length = 0
})
afterEach(() => {
  vi.unstubAllGlobals()
})

describe("a hub in a Durable Object", () => {
  it("answers an upgrade with the client's socket, and welcomes the hello", async () => {
    vi.stubGlobal("WebSocketPair", Pair)
    vi.stubGlobal("Response", WorkersResponse)
    const runtime = createVirtualRuntime()
    const addresses: (string | undefined)[] = []
    const hub = createHub(state, {
      runtime,
      authenticate: ({ origin }) => {
        addresses.push(origin.address)
        return { id: "u" }
      },
    })
    const headers = { "sec-websocket-protocol": "everwire", "cf-connecting-ip": "192.0.2.7" }
    const answer = await hub.answer(asking(undefined, headers))
    expect(answer).toMatchObject({
      init: { status: 101, webSocket: "the client's socket", headers: { "sec-websocket-protocol": "everwire" } },
    })
    const [socket] = sockets
    socket?.tell("message", { data: hello() })
    runtime.advance(10)
    expect(String(socket?.sent[0])).toMatch(/^w\{/)
    expect(addresses).toEqual(["192.0.2.7"])
    socket?.tell("close", { code: 1000, reason: "" })
    // Workers of an older compatibility date finish the closing handshake by hand.
    expect(socket?.closedWith).toEqual([[1000, ""]])
  })

  it.each([[undefined], [{ waitUntil: () => {} }], [{ transports: ["sse"] }]])(
    "cannot be made in a plain worker: createHub(%o) throws misuse",
    (context) => {
      // What a plain worker has in the place of the state.
      expect(() => createHub(context as never)).toThrow("only a Durable Object can be a hub")
    },
  )

  it("answers 404 to paths that are not its own, and leaves them to the object by answer", async () => {
    const hub = createHub(state)
    expect(hub.answer(new Request("http://hub.example/"))).toBeUndefined()
    expect((await hub.fetch(new Request("http://hub.example/"))).status).toBe(404)
  })
})
