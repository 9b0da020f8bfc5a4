// What Node reports of a refused upgrade or stream, and browsers do not.

import { createServer, type RequestListener } from "node:http"
import { createChannel, type StatusDetail } from "everwire"
import { createHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { disposeAll, onDispose, startServer } from "../../support/hub-server.ts"

afterEach(disposeAll)

const page = (status: number): RequestListener => {
  return (_, response) => {
    response.writeHead(status, { "content-type": "text/html", "retry-after": "60" }).end("<h1>Slow down</h1>")
  }
}

async function firstDetail(port: number, transports: ("websocket" | "sse")[]): Promise<StatusDetail> {
  const channel = createChannel(`http://127.0.0.1:${port}`, { transports, store: null })
  onDispose(() => channel.close({ flushMs: 0 }))
  return await new Promise((resolve) => channel.onStatus((_, detail) => resolve(detail)))
}

describe("an upgrade that a proxy refuses with a page", () => {
  it.each([
    [429, "rate-limited"],
    [502, "refused"],
    [511, "captive-portal"],
  ])("of status %i closes the link with %s, and its Retry-After is respected", async (status, code) => {
    const server = createServer(page(status))
    let upgrades = 0
    server.on("upgrade", (_, socket) => {
      upgrades++
      const text = "<h1>Slow down</h1>"
      socket.end(
        `HTTP/1.1 ${status} No\r\ncontent-type: text/html\r\nretry-after: 60\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
      )
    })
    const { port } = await startServer(server)
    const { closing, retryInMs } = await firstDetail(port, ["websocket"])
    expect(closing).toMatchObject({ code, retryAfterMs: 60_000 })
    expect(retryInMs).toBeGreaterThanOrEqual(60_000)
    expect(upgrades).toBe(1)
  })
})

describe("a stream that a proxy refuses with a page", () => {
  it("closes the link with its status, and its Retry-After is respected", async () => {
    const hub = createHub()
    onDispose(() => hub.close())
    const { port } = await startServer(
      createServer((request, response) => {
        if (request.method === "GET") page(429)(request, response)
        else hub.listener(request, response)
      }),
    )
    const { closing, retryInMs } = await firstDetail(port, ["sse"])
    expect(closing).toMatchObject({ code: "rate-limited", retryAfterMs: 60_000 })
    expect(retryInMs).toBeGreaterThanOrEqual(60_000)
  })
})

describe("a stream that is redirected", () => {
  it.each([301, 302, 303, 307, 308])(
    "by status %i is not followed with its ticket, and is reported as a redirect",
    async (status) => {
      const hub = createHub()
      onDispose(() => hub.close())
      let followed = 0
      const { port } = await startServer(
        createServer((request, response) => {
          if (request.url?.startsWith("/elsewhere")) followed++
          if (request.method !== "GET") return void hub.listener(request, response)
          response.writeHead(status, { location: `/elsewhere${request.url}` }).end()
        }),
      )
      const { closing } = await firstDetail(port, ["sse"])
      expect(closing).toMatchObject({ code: "redirected" })
      expect(closing?.reason).not.toContain("ticket=")
      expect(followed).toBe(0)
    },
  )
})
