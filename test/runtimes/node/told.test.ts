import { createServer, type RequestListener, type Server } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { type Channel, type Closing, createChannel } from "everwire"
import { createHub, type Refusal } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { openWelcomed } from "../../hostile/attack.ts"
import { SELF_SIGNED } from "../../support/certificate.ts"
import { disposeAll, onDispose, startHub, startServer, transports } from "../../support/hub-server.ts"

afterEach(disposeAll)

/** Resolves with the first reason why a channel for this URL is not open. */
function whyClosed(url: string, transport: (typeof transports)[number]): Promise<Closing | undefined> {
  const channel: Channel = createChannel(url, { transports: [transport], store: null })
  onDispose(() => void channel.close({ flushMs: 0 })) // No server hears its bye.
  return new Promise((resolve) => {
    channel.onStatus((_, { closing }) => closing && resolve(closing))
  })
}

async function listen(server: Server | RequestListener): Promise<number> {
  return (await startServer(typeof server === "function" ? createServer(server) : server)).port
}

/** Starts a server that answers requests and upgrades with these headers. */
function listenAnswering(head: string, body = ""): Promise<number> {
  const server = createServer((request) => {
    request.socket.end(`HTTP/1.1 ${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  })
  server.on("upgrade", (_, socket) => {
    socket.end(`HTTP/1.1 ${head}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`)
  })
  return listen(server)
}

const PAGE = "<!doctype html><h1>Hello</h1>"

describe.each(transports)("over %s, the closing that a channel on Node gets says", (transport) => {
  it.each(["127.0.0.1", "localhost"])("that no server listens at %s", async (host) => {
    const { server, port } = await startServer()
    await new Promise((resolve) => server.close(resolve))
    const why = await whyClosed(`http://${host}:${port}`, transport)
    expect(why).toMatchObject({ code: "network", retryable: true })
    expect(why?.reason).toContain("ECONNREFUSED")
  })

  it("that there is no such host", async () => {
    const why = await whyClosed("http://hub.invalid", transport)
    expect(why).toMatchObject({ code: "network", retryable: true })
    expect(why?.reason).toMatch(/(ENOTFOUND|EAI_AGAIN) hub.invalid/)
  })

  it("that a certificate is not trusted", async () => {
    const port = await listen(createSecureServer(SELF_SIGNED, (_, response) => response.end()))
    const why = await whyClosed(`https://localhost:${port}`, transport)
    expect(why).toMatchObject({ code: "network", retryable: true })
    expect(why?.reason).toContain("self-signed certificate")
  })

  it("that the server has no TLS", async () => {
    const port = await listen((_, response) => response.end())
    const why = await whyClosed(`https://localhost:${port}`, transport)
    expect(why).toMatchObject({ code: "network", retryable: true })
    expect(why?.reason).toMatch(/SSL|EPROTO/)
  })

  it.each([301, 302, 303, 307, 308])("where a redirect %i points to", async (status) => {
    const port = await listenAnswering(
      `${status} Moved\r\nLocation: https://hub.example/everwire/x\r\nContent-Type: text/html`,
      PAGE,
    )
    const why = await whyClosed(`http://127.0.0.1:${port}`, transport)
    expect(why).toMatchObject({ code: "redirected", retryable: true })
    expect(why?.reason).toContain("https://hub.example/everwire/x")
  })

  it.each([
    ["404 with a page", "404 Not Found\r\nContent-Type: text/html", PAGE, "refused", "404"],
    ["404 without", "404 Not Found", "", "refused", "404"],
    ["403 of a firewall, with a page", "403 Forbidden\r\nContent-Type: text/html", PAGE, "refused", "403"],
    ["503", "503 Busy", "", "rate-limited", "503"],
    ["429", "429 Too Many Requests", "", "rate-limited", "429"],
  ])("that there was a %s, with the URL", async (_, head, body, code, status) => {
    const port = await listenAnswering(head, body)
    const why = await whyClosed(`http://127.0.0.1:${port}/app`, transport)
    expect(why).toMatchObject({ code, retryable: true })
    expect(why?.reason).toContain(status)
    expect(why?.reason).toContain(`127.0.0.1:${port}/app/${transport}`)
  })

  it("that a page answers every path", async () => {
    const port = await listenAnswering("200 OK\r\nContent-Type: text/html; charset=utf-8", PAGE)
    const why = await whyClosed(`http://127.0.0.1:${port}/app`, transport)
    expect(why).toMatchObject({ code: "captive-portal", retryable: true })
    expect(why?.reason).toContain(`127.0.0.1:${port}/app/${transport}`)
  })

  it("that a text answers every path", async () => {
    const port = await listenAnswering("200 OK\r\nContent-Type: text/plain", "hello")
    const why = await whyClosed(`http://127.0.0.1:${port}/app`, transport)
    expect(why).toMatchObject({ code: "refused", retryable: true })
    expect(why?.reason).toContain("200")
    expect(why?.reason).toContain(`127.0.0.1:${port}/app/${transport}`)
  })

  it("that the hub has another path", async () => {
    const { port } = await startHub({ path: "/live" }, (_, response) => response.writeHead(404).end("Cannot POST"))
    const why = await whyClosed(`http://127.0.0.1:${port}/Live`, transport)
    expect(why).toMatchObject({ code: "refused", retryable: true })
    expect(why?.reason).toContain("404")
  })

  it("that the hub refuses it, with the hub's code", async () => {
    const port = await listenAnswering(
      "403 origin-refused",
      '@{"close":{"code":"origin-refused","reason":"no","retryable":false}}',
    )
    expect(await whyClosed(`http://127.0.0.1:${port}`, transport)).toMatchObject({
      code: "origin-refused",
      retryable: false,
    })
  })

  it("nothing about trailing slashes in the path, which do not matter", async () => {
    const { url } = await startHub()
    const channel = createChannel(`${url}//`, { transports: [transport], store: null })
    onDispose(() => void channel.close({ flushMs: 0 })) // No server hears its bye.
    await channel.opened
  })
})

it("a message that is too large for the WebSocket itself is reported at the hub, once", async () => {
  const refusals: Refusal[] = []
  const { hub, url } = await startHub({ maxPayloadBytes: 1_000 })
  const told = new Promise<void>((resolve) => {
    hub.onRefused((refusal) => {
      refusals.push(refusal)
      resolve()
    })
  })
  const raw = await openWelcomed(url)
  raw.socket.send("x".repeat(2_000_000))
  expect(await raw.closed).toMatchObject({ status: 1009 })
  await told
  expect(refusals).toMatchObject([
    { code: "too-large", stage: "session", transport: "websocket", address: "127.0.0.1" },
  ])
})

describe.each(transports)("over %s, a hub behind a proxy", (transport) => {
  it("that is trusted gives authenticate and the peer the client's address", async () => {
    const server = createServer()
    const { port } = await startServer(server)
    // The header that the proxy adds before the hub sees the request.
    for (const event of ["request", "upgrade"]) {
      server.prependListener(event, ({ headers }: { headers: Record<string, string> }) => {
        headers["x-forwarded-for"] = "6.6.6.6, 203.0.113.9"
        headers["x-forwarded-host"] = "app.example"
        headers["x-forwarded-proto"] = "https"
        headers["origin"] = "https://app.example"
      })
    }
    const seen: unknown[] = []
    const hub = createHub({
      trustProxy: "loopback",
      authenticate: ({ origin }) => {
        seen.push(origin.address, origin.transport)
        return { id: "me" }
      },
    })
    onDispose(() => hub.close())
    hub.onPeer(({ address }) => seen.push(address))
    server.on("request", (request, response) => hub.listener(request, response))
    server.on("upgrade", (request, socket, head) => hub.handleUpgrade(request, socket, head))
    const channel = createChannel(`http://127.0.0.1:${port}`, { transports: [transport], store: null })
    onDispose(() => void channel.close({ flushMs: 0 })) // No server hears its bye.
    await channel.opened
    expect(seen.slice(0, 3)).toEqual(["203.0.113.9", transport, "203.0.113.9"])
  })
})
