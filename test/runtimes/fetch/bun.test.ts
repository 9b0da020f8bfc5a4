import { type BunHub, createHub, type WebHubOptions } from "everwire/bun"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { hello } from "../../hostile/attack.ts"
import { asking, FakeBunServer, type FakeBunSocket } from "./fakes.ts"

function setup(options: WebHubOptions = {}): {
  hub: BunHub
  server: FakeBunServer
  runtime: ReturnType<typeof createVirtualRuntime>
  errors: unknown[]
} {
  const runtime = createVirtualRuntime()
  const hub = createHub({ runtime, ...options })
  const errors: unknown[] = []
  hub.onError((error) => errors.push(error))
  hub.onRefused(() => {})
  return { hub, server: new FakeBunServer(), runtime, errors }
}

/** Opens a socket and says hello on it. */
function join({ hub, server }: ReturnType<typeof setup>, fields: Record<string, unknown> = {}): FakeBunSocket {
  void hub.answer(asking(), server)
  const socket = server.open(hub.websocket)
  hub.websocket.message(socket, hello(fields))
  return socket
}

describe("a hub on Bun", () => {
  it("upgrades a request, agrees to its own subprotocol alone and welcomes the hello of the handshake", async () => {
    const { hub, server, runtime } = setup()
    const offer = `everwire, ${encodeURIComponent(hello())}`
    const answer = await hub.answer(asking("/everwire/websocket", { "sec-websocket-protocol": offer }), server)
    expect(answer?.status).toBe(200)
    expect(server.headers).toEqual([{ "sec-websocket-protocol": "everwire" }])
    const socket = server.open(hub.websocket)
    runtime.advance(0)
    expect(String(socket.sent[0])).toMatch(/^w\{/)
    void hub.answer(asking("/everwire/websocket", { "sec-websocket-protocol": "chat" }), server)
    expect(server.headers.at(-1)).toEqual({})
  })

  it("gives authenticate the address that Bun knows only before the upgrade", () => {
    const addresses: (string | undefined)[] = []
    const given = setup({
      authenticate: ({ origin }) => {
        addresses.push(origin.address)
        return { id: "u" }
      },
    })
    join(given)
    expect(addresses).toEqual(["192.0.2.7"])
  })

  it("leaves paths that are not its own to the application, and answers 404 to them from fetch", async () => {
    const { hub, server } = setup()
    expect(hub.answer(new Request("http://hub.example/other"), server)).toBeUndefined()
    expect(hub.answer(asking("/other/websocket"), server)).toBeUndefined()
    expect(hub.answer(asking("/websocket"), server)).toBeUndefined()
    expect((await hub.fetch(new Request("http://hub.example/other"), server)).status).toBe(404)
    expect((await hub.fetch(asking("/other/socket"), server)).status).toBe(404)
    expect(server.timeouts).toEqual([])
  })

  it("keeps Bun from cutting idle streams and polls, and sockets", () => {
    const { hub, server } = setup()
    void hub.answer(new Request("http://hub.example/everwire/sse"), server)
    // The longest of the hub's own deadlines, 45 s, and 5 s more.
    expect(server.timeouts).toEqual([50])
    expect(hub.websocket).toMatchObject({ idleTimeout: 0, sendPings: false })
    const patient = setup({ heartbeatTimeoutMs: 600_000 })
    void patient.hub.answer(new Request("http://hub.example/everwire/sse"), patient.server)
    expect(patient.server.timeouts).toEqual([0])
  })

  it("answers a request for a WebSocket that asks for no upgrade with 426, as on Node", async () => {
    const { hub, server } = setup()
    const answer = await hub.answer(new Request("http://hub.example/everwire/websocket"), server)
    expect(answer?.status).toBe(426)
  })

  it.each([
    ["a foreign origin", { origin: "https://evil.example" }, {}, 403],
    ["a transport without sockets", {}, { path: "/everwire/sse" }, 404],
    ["a handshake that is not valid", { "sec-websocket-key": undefined }, {}, 400],
  ])("refuses %s", async (_, headers, { path = "/everwire/websocket" }: { path?: string }, status) => {
    const { hub, server } = setup()
    const request = asking(path)
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined) request.headers.delete(name)
      else request.headers.set(name, value)
    }
    const answer = await hub.answer(request, server)
    expect([answer?.status, answer?.headers.get("connection")]).toEqual([status, "close"])
  })

  it("refuses upgrades with 503 once it is closed", async () => {
    const { hub, server } = setup()
    await hub.close()
    expect((await hub.answer(asking(), server))?.status).toBe(503)
  })

  it("answers a second upgrade of one request with 400 and reports misuse", async () => {
    const { hub, server, errors } = setup()
    const request = asking()
    await hub.answer(request, server)
    expect((await hub.answer(request, server))?.status).toBe(400)
    expect(errors).toMatchObject([{ code: "misuse" }])
  })

  it("reports misuse when Bun.serve was not given hub.websocket", async () => {
    const { hub, server, errors } = setup()
    server.hasHandler = false
    expect((await hub.answer(asking(), server))?.status).toBe(500)
    expect(errors).toMatchObject([{ code: "misuse", message: expect.stringContaining("websocket: hub.websocket") }])
  })

  it("throws misuse without Bun's server", async () => {
    const { hub } = setup()
    expect(() => hub.answer(asking(), undefined as never)).toThrow("hub.answer(request, server)") // misuse
    await expect(hub.fetch(asking())).rejects.toMatchObject({ code: "misuse" })
  })

  it("ignores sockets that are not its own", () => {
    const { hub } = setup()
    const foreign = { data: { room: 1 } } as unknown as FakeBunSocket // not the hub's
    hub.websocket.open(foreign)
    hub.websocket.message(foreign, "x")
    hub.websocket.drain(foreign)
    hub.websocket.ping(foreign)
    expect(() => hub.websocket.close(foreign, 1000, "")).not.toThrow()
  })

  it("keeps the session and repeats the message on the next link when Bun drops one", () => {
    const given = setup()
    const socket = join(given)
    given.runtime.advance(10)
    const [peer] = [...given.hub.peers.values()]
    socket.answer = 0
    peer?.send("lost", 1)
    given.runtime.advance(10)
    expect(socket.isTerminated).toBe(true)
    expect(given.hub.peers.size).toBe(1)
  })

  it("sends no more while Bun's send buffer is full, and goes on when it has drained", () => {
    const given = setup()
    const socket = join(given)
    given.runtime.advance(10)
    const [peer] = [...given.hub.peers.values()]
    const before = socket.sent.length
    socket.buffered = 300_000
    peer?.send("waits", 1)
    given.runtime.advance(10)
    expect(socket.sent.length).toBe(before)
    socket.buffered = 0
    given.hub.websocket.drain(socket)
    given.runtime.advance(10)
    expect(socket.sent.length).toBeGreaterThan(before)
  })

  it("cuts a client that does not read", () => {
    const given = setup({ heartbeatTimeoutMs: 10_000_000 })
    const socket = join(given)
    given.runtime.advance(10)
    socket.answer = -1
    ;[...given.hub.peers.values()][0]?.send("large", "x".repeat(100_000))
    given.runtime.advance(44_000)
    expect(socket.isTerminated).toBe(false)
    given.runtime.advance(10_000)
    expect(socket.isTerminated).toBe(true)
  })

  it("tells a message that Bun finds too large as such", () => {
    const codes: string[] = []
    const given = setup()
    given.hub.onRefused(({ code }) => codes.push(code))
    const socket = join(given)
    given.runtime.advance(10)
    given.hub.websocket.close(socket, 1006, "Received too big message")
    expect(codes).toEqual(["too-large"])
  })

  it("closes a link with a code when more pings come than a client needs", () => {
    const given = setup()
    const socket = join(given)
    for (let i = 0; i < 600; i++) given.hub.websocket.ping(socket)
    expect(socket.closedWith?.[1]).toMatch(/^rate-limited/)
  })

  it("forgets a socket that closes while authenticate is asked", async () => {
    let admit: (principal: { id: string }) => void = () => {}
    const given = setup({
      authenticate: () =>
        new Promise((resolve) => {
          admit = resolve
        }),
    })
    const socket = join(given)
    given.hub.websocket.close(socket, 1006, "")
    admit({ id: "u" })
    await Promise.resolve()
    given.runtime.advance(100)
    expect(given.hub.peers.size).toBe(0)
    expect(socket.sent).toEqual([])
  })

  it("closes open sockets with a code when the hub closes", async () => {
    const given = setup()
    const socket = join(given)
    given.runtime.advance(10)
    const closed = given.hub.close()
    given.runtime.advance(10)
    await closed
    expect(socket.closedWith?.[1]).toMatch(/^hub-closing/)
    // The client does not answer the closing frame.
    given.runtime.advance(5_000)
    expect(socket.isTerminated).toBe(true)
  })
})
