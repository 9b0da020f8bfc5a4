import { IncomingMessage } from "node:http"
import { createChannel } from "everwire"
import { createHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { disposeAll, onDispose, startHub, startServer, transports } from "../../support/hub-server.ts"

afterEach(disposeAll)

describe("authenticate", () => {
  it.each(transports)("is given Node's own request over %s, as middleware has changed it", async (transport) => {
    const requests: unknown[] = []
    const hub = createHub({
      authenticate: ({ origin }) => {
        requests.push(origin.request)
        return { id: "somebody" }
      },
    })
    onDispose(() => hub.close())
    const { server, port } = await startServer()
    const login = (request: IncomingMessage): IncomingMessage => Object.assign(request, { session: "of a cookie" })
    server.on("request", (request, response) => hub.listener(login(request), response))
    server.on("upgrade", (request, socket, head) => hub.handleUpgrade(login(request), socket, head))
    const channel = createChannel(`http://127.0.0.1:${port}/everwire`, { transports: [transport] })
    onDispose(() => channel.close())
    await channel.opened
    expect(requests[0]).toBeInstanceOf(IncomingMessage)
    expect(requests[0]).toMatchObject({ session: "of a cookie", httpVersion: "1.1" })
    expect(hub.peers.size).toBe(1)
  })

  it.each(transports)("is given Node's own request over %s where the hub is attached", async (transport) => {
    const requests: unknown[] = []
    const { url } = await startHub({
      authenticate: ({ origin }) => {
        requests.push(origin.request)
        return { id: "somebody" }
      },
    })
    const channel = createChannel(url, { transports: [transport] })
    onDispose(() => channel.close())
    await channel.opened
    expect(requests[0]).toBeInstanceOf(IncomingMessage)
    expect(requests[0]).toMatchObject({ url: expect.stringContaining("/everwire/"), httpVersion: "1.1" })
  })

  it("is given the web's Request in hub.fetch", async () => {
    const requests: unknown[] = []
    const hub = createHub({
      authenticate: ({ origin }) => {
        requests.push(origin.request)
        return null
      },
    })
    onDispose(() => hub.close())
    const channel = createChannel("http://host", {
      transports: ["long-poll"],
      platform: { fetch: (url, init) => hub.fetch(new Request(url, init)) },
    })
    await expect(channel.opened).rejects.toMatchObject({ code: "unauthorized" })
    expect(requests[0]).toBeInstanceOf(Request)
  })
})
