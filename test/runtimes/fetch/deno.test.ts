import { createHub, type DenoHub, type WebHubOptions } from "everwire/deno"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { afterEach, describe, expect, it, vi } from "vitest"
import { hello } from "../../hostile/attack.ts"
import { asking, FakeWebSocket } from "./fakes.ts"

const info = { remoteAddr: { transport: "tcp", hostname: "192.0.2.7", port: 4711 } }

interface Given {
  readonly hub: DenoHub
  readonly runtime: VirtualRuntime
  readonly sockets: FakeWebSocket[]
  readonly errors: unknown[]
}

function setup(options: WebHubOptions = {}): Given {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime, ...options })
  const errors: unknown[] = []
  hub.onError((error) => errors.push(error))
  hub.onRefused(() => {})
  const sockets: FakeWebSocket[] = []
  const upgraded = new Set<Request>()
  vi.stubGlobal("Deno", {
    upgradeWebSocket(request: Request) {
      if (upgraded.has(request)) throw new Error("Http: Already upgraded")
      if (!request.headers.has("sec-websocket-key")) throw new TypeError("Invalid Header")
      upgraded.add(request)
      // Deno empties the request.
      Object.defineProperty(request, "headers", {
        get() {
          throw new TypeError("Request closed")
        },
      })
      const socket = new FakeWebSocket()
      socket.bufferedAmount = 0
      sockets.push(socket)
      return { socket, response: new Response(null) }
    },
  })
  return { hub, runtime, sockets, errors }
}

/** Opens a socket and says hello on it. */
async function join({ hub, sockets, runtime }: Given): Promise<FakeWebSocket> {
  await hub.answer(asking(), info)
  const socket = sockets.at(-1)
  if (socket === undefined) throw new Error("nothing was upgraded")
  socket.tell("open")
  socket.tell("message", { data: hello() })
  runtime.advance(10)
  return socket
}

afterEach(() => {
  vi.unstubAllGlobals()
})

describe("a hub on Deno", () => {
  it("agrees to its subprotocol although the client writes no space behind the comma", async () => {
    const { hub } = setup()
    const answer = await hub.answer(asking(undefined, { "sec-websocket-protocol": "everwire,h%7B" }), info)
    expect(answer?.headers.get("sec-websocket-protocol")).toBe("everwire")
  })

  it("tells authenticate the headers, the address and a request that can be read after the upgrade", async () => {
    const seen: unknown[] = []
    const given = setup({
      authenticate: ({ origin }) => {
        const { headers } = origin.request as Request // on Deno it is one
        seen.push(origin.address, origin.header("x-user"), headers.get("x-user"))
        return { id: "u" }
      },
    })
    await given.hub.answer(asking(undefined, { "x-user": "u7" }), info)
    given.sockets[0]?.tell("open")
    given.sockets[0]?.tell("message", { data: hello() })
    expect(seen).toEqual(["192.0.2.7", "u7", "u7"])
  })

  it("leaves paths that are not its own to the application", async () => {
    const { hub } = setup()
    expect(hub.answer(asking("/other"), info)).toBeUndefined()
    expect((await hub.fetch(asking("/other"), info)).status).toBe(404)
  })

  it("answers 400 to a handshake that Deno refuses, and to a second upgrade of one request", async () => {
    const { hub, errors } = setup()
    const invalid = asking()
    invalid.headers.delete("sec-websocket-key")
    expect((await hub.answer(invalid, info))?.status).toBe(400)
    const request = asking()
    await hub.answer(request, info)
    expect((await hub.answer(request, info))?.status).toBe(400)
    expect(errors).toMatchObject([{ code: "misuse" }])
  })

  it("passes bytes on as bytes, and closes a link whose message is too large with a code", async () => {
    const given = setup({ maxPayloadBytes: 1_000 })
    const socket = await join(given)
    const [peer] = [...given.hub.peers.values()]
    expect(peer).toBeDefined()
    socket.tell("message", { data: new ArrayBuffer(2_000_000) })
    expect(socket.closedWith[0]?.[1]).toMatch(/^too-large/)
    expect(given.hub.peers.size).toBe(1)
  })

  it("looks again at a send buffer that is full, because Deno does not tell that it drained", async () => {
    const given = setup()
    const socket = await join(given)
    const [peer] = [...given.hub.peers.values()]
    socket.growsBytes = 300_000
    peer?.send("fills", 1)
    given.runtime.advance(1)
    socket.growsBytes = 0
    peer?.send("waits", 1)
    given.runtime.advance(100)
    expect(socket.sent.length).toBe(2)
    socket.bufferedAmount = 0
    given.runtime.advance(30)
    expect(socket.sent.length).toBe(3)
  })

  it("ends a socket that cannot be cut by its closing handshake, and leaves its session without a link", async () => {
    const given = setup({ heartbeatTimeoutMs: 10_000_000 })
    const socket = await join(given)
    const [peer] = [...given.hub.peers.values()]
    socket.bufferedAmount = 100_000
    peer?.send("unread", 1)
    given.runtime.advance(60_000)
    expect(socket.closedWith).toEqual([[4000, ""]])
    expect(given.hub.peers.size).toBe(1)
    expect(peer?.connected).toBe(false)
  })

  it("says where it runs when there is no Deno", () => {
    const { hub } = setup()
    vi.unstubAllGlobals()
    expect(() => hub.answer(asking(), info)).toThrow("everwire/deno is for Deno.serve")
  })
})
