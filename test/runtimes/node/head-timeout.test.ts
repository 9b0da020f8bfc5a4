import { createServer } from "node:http"
import { createServer as createHttp2Server } from "node:http2"
import { createHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { openTcp } from "../../hostile/attack.ts"
import { disposeAll, onDispose, startServer } from "../../support/hub-server.ts"

afterEach(disposeAll)

describe("the time limit for the head of a request, on a server with a hub", () => {
  it("is 15 s instead of Node's 60 s, while a hub is attached", () => {
    const server = createServer()
    const hubs = ["/one", "/two"].map((path) => createHub({ path }))
    onDispose(() => Promise.all(hubs.map((hub) => hub.close())))
    const detach = hubs.map((hub) => hub.attach(server))
    expect(server.headersTimeout).toBe(15_000)
    detach[0]?.()
    expect(server.headersTimeout).toBe(15_000)
    detach[1]?.()
    expect(server.headersTimeout).toBe(60_000)
  })

  it.each([0, 5_000, 90_000])("stays as the application has set it: %i", (headersTimeout) => {
    const server = createServer({ headersTimeout })
    const hub = createHub()
    onDispose(() => hub.close())
    const detach = hub.attach(server)
    expect(server.headersTimeout).toBe(headersTimeout)
    detach()
    expect(server.headersTimeout).toBe(headersTimeout)
  })

  it("is not set where the server has no such limit", () => {
    const server = createHttp2Server()
    const hub = createHub()
    onDispose(() => hub.close())
    hub.attach(server)
    expect("headersTimeout" in server).toBe(false)
  })

  it("closes a connection on which the head is incomplete, or has not begun", async () => {
    const { server, port } = await startServer(createServer({ connectionsCheckingInterval: 20 }))
    const hub = createHub()
    onDispose(() => hub.close())
    hub.attach(server)
    server.headersTimeout = 50 // 50 ms in place of 15 s, to save time.
    const [begun, silent] = [await openTcp(port), await openTcp(port)]
    begun.socket.write("POST /everwire/sse HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    expect(await begun.received).toMatch(/^HTTP\/1.1 408 /)
    await silent.received
  })
})
