import { EventEmitter, once } from "node:events"
import {
  createServer,
  Server as HttpServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http"
import { connect as connectHttp2, createServer as createHttp2Server } from "node:http2"
import { type AddressInfo, createServer as createNetServer } from "node:net"
import { createChannel } from "everwire"
import { createHub, type NodeHub, type Refusal } from "everwire/node"
import { afterEach, describe, expect, it, vi } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { openTcp } from "../../hostile/attack.ts"
import {
  connect,
  createRuntime,
  disposeAll,
  nextOf,
  onDispose,
  startHub,
  startServer,
  transports,
} from "../../support/hub-server.ts"

afterEach(disposeAll)

/** The application's answer, however it is mounted. */
const app: RequestListener = (request, response) => void response.end(`the application's ${request.url}`)

async function get(port: number, path: string): Promise<string> {
  return await (await fetch(`http://127.0.0.1:${port}${path}`)).text()
}

/** Asserts that the hub at this URL answers over each transport. */
async function expectHub(url: string): Promise<void> {
  for (const transport of transports) {
    const channel = await connect(url, { transports: [transport] })
    expect(channel.transport).toBe(transport)
    await channel.close()
  }
}

/** Resolves with the first message on a WebSocket to this URL. */
async function firstWord(url: string): Promise<string> {
  const socket = new WebSocket(url)
  onDispose(() => socket.terminate())
  const [word] = (await once(socket, "message")) as [Buffer] // The type of this event of ws.
  return word.toString()
}

/** Sends these bytes and returns all answers until the server closes the connection. */
async function exchangeBytes(port: number, bytes: string): Promise<string> {
  const { socket } = await openTcp(port)
  let answers = ""
  socket.on("data", (data) => {
    answers += data.toString()
  })
  socket.write(bytes)
  await once(socket, "close")
  return answers
}

async function startBare(
  listener?: RequestListener,
): Promise<{ server: Server; port: number; hub: NodeHub; url: string }> {
  const { server, port } = await startServer(createServer(listener))
  const hub = createHub()
  onDispose(() => hub.close())
  return { server, port, hub, url: `http://127.0.0.1:${port}/everwire` }
}

describe("a hub and the application's request listeners", () => {
  it("that are added after it: each gets the requests that are not the hub's, and no others", async () => {
    const { server, port, hub, url } = await startBare()
    hub.attach(server)
    const seen: string[] = []
    server.on("request", app)
    server.prependListener("request", (request) => seen.push(`prepended ${request.url}`))
    server.once("request", (request) => seen.push(`once ${request.url}`))
    expect(await get(port, "/page")).toBe("the application's /page")
    expect(await get(port, "/page")).toBe("the application's /page")
    await expectHub(url)
    expect(seen).toEqual(["prepended /page", "once /page", "prepended /page"])
  })

  it("that are added and removed meanwhile", async () => {
    const { server, port, hub, url } = await startBare(app)
    const detach = hub.attach(server)
    server.removeAllListeners("request")
    server.removeAllListeners("upgrade")
    expect((await fetch(`http://127.0.0.1:${port}/page`)).status).toBe(404)
    await expectHub(url)
    server.on("request", app)
    expect(await get(port, "/page")).toBe("the application's /page")
    detach()
    expect(server.listeners("request")).toEqual([app])
    expect(await get(port, "/everwire/sse")).toBe("the application's /everwire/sse")
    hub.attach(server)
    await expectHub(url)
    expect(await get(port, "/page")).toBe("the application's /page")
  })

  it("and listeners of Expect: 100-continue", async () => {
    const { server, port, hub } = await startBare(app)
    const seen: string[] = []
    server.on("checkContinue", (request, response) => {
      seen.push(request.url ?? "")
      response.end("checked")
    })
    hub.attach(server)
    const ask = (path: string): Promise<string> =>
      exchangeBytes(
        port,
        `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlost`,
      )
    expect(await ask("/page")).toMatch(/200 OK[\s\S]*checked/)
    expect(await ask("/everwire/long-poll")).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 400 /)
    expect(seen).toEqual(["/page"])
  })

  it.each(["/caf%C3%A9", "/caf%c3%a9", "/%63af%C3%A9"])("recognises its path in every spelling: %s", async (path) => {
    const { server, port } = await startServer(createServer(app))
    const hub = createHub({ path: "/café" })
    onDispose(() => hub.close())
    hub.attach(server)
    await expectHub(`http://127.0.0.1:${port}${path}`)
    expect(() => createHub({ path: "/caf%c3%a9" }).attach(server)).toThrow(expect.objectContaining({ code: "misuse" }))
  })

  it("accepts requests that name the whole URL, as proxies may", async () => {
    const { port } = await startHub()
    const answer = await exchangeBytes(
      port,
      `POST http://127.0.0.1:${port}/everwire/long-poll HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlost`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*protocol-error/)
  })
})

describe("a hub and the application's upgrade listeners", () => {
  it.each([["before"], ["after"]])("a WebSocketServer with its own path, made %s it", async (when) => {
    const { server, port, hub, url } = await startBare(app)
    const listen = (): void => {
      const other = new WebSocketServer({ server, path: "/other" })
      onDispose(() => other.close())
      other.on("connection", (socket) => socket.send("the other's"))
    }
    if (when === "before") listen()
    const detach = hub.attach(server)
    if (when === "after") listen()
    expect(await firstWord(`ws://127.0.0.1:${port}/other`)).toBe("the other's")
    await expectHub(url)
    detach()
    expect(await firstWord(`ws://127.0.0.1:${port}/other`)).toBe("the other's")
  })

  /** The upgrade header that Java's HttpClient sends with its first request (RFC 7540, section 3.2). */
  const H2C = "Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"

  it("answers an upgrade without a listener as the application did before the hub was attached", async () => {
    const { server, port, hub } = await startBare((request, response) => {
      let body = ""
      request.on("data", (data) => {
        body += data
      })
      request.on("end", () => response.end(`${request.method} ${request.url} ${request.headers.upgrade} ${body}`))
    })
    hub.attach(server)
    const { socket } = await openTcp(port)
    const closed = once(socket, "close")
    for (const [head, body] of [
      [`POST /one HTTP/1.1\r\n${H2C}Content-Length: 5\r\n\r\nhello`, "POST /one h2c hello"],
      ["GET /two HTTP/1.1\r\nHost: a\r\n\r\n", "GET /two undefined "],
      [`GET /three HTTP/1.1\r\n${H2C}\r\n`, "GET /three h2c "],
      ["GET /four HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /four undefined "],
    ]) {
      const answer = once(socket, "data")
      socket.write(head ?? "")
      expect(String((await answer)[0])).toMatch(new RegExp(`^HTTP/1.1 200 OK\r\n(.*\r\n)+${body}$`))
    }
    await closed
  })

  it("leaves no connection behind that was answered so", async () => {
    const { server, port, hub } = await startBare(app)
    hub.attach(server)
    const { socket } = await openTcp(port)
    socket.write(`GET /page HTTP/1.1\r\n${H2C}\r\n`)
    expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1.1 200 /)
    const gone = once(socket, "close")
    await new Promise((resolve) => server.close(resolve))
    await gone
  })

  it("reads a request on its own paths that offers another protocol, even if others listen to upgrades", async () => {
    const { server, port, hub } = await startBare(app)
    onDispose(() => other.close())
    const other = new WebSocketServer({ server, path: "/other" })
    hub.attach(server)
    const answer = await exchangeBytes(
      port,
      `POST /everwire/long-poll HTTP/1.1\r\n${H2C.replace("Upgrade,", "Upgrade, close,")}Content-Length: 4\r\n\r\nlost`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*protocol-error/)
  })

  it("as the only listener, handleUpgrade has upgrades that are not the hub's answered as requests", async () => {
    const { server, port, hub, url } = await startBare()
    server.on("request", (request, response) => hub.listener(request, response, () => app(request, response)))
    server.on("upgrade", hub.handleUpgrade)
    const answer = await exchangeBytes(port, `GET /page HTTP/1.1\r\n${H2C.replace("Upgrade,", "Upgrade, close,")}\r\n`)
    expect(answer).toMatch(/^HTTP\/1.1 200 [\s\S]*the application's \/page/)
    await expectHub(url)
  })

  it.each<[string, (server: Server, url: string) => unknown]>([
    ["a WebSocketServer of all paths", (server) => new WebSocketServer({ server })],
    ["another hub, mounted in the same way", (server) => server.on("upgrade", createHub().handleUpgrade)],
  ])("reports once that its WebSockets were taken before handleUpgrade was called, by %s", async (_, take) => {
    const { server, hub, url } = await startBare()
    server.on("request", hub.listener)
    take(server, url)
    server.on("upgrade", hub.handleUpgrade)
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    for (let n = 0; n < 2; n++) {
      const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`)
      await once(socket, "open")
      socket.terminate()
    }
    expect(errors).toEqual([
      expect.objectContaining({ code: "misuse", message: expect.stringContaining("hub.attach(server)") }),
    ])
  })

  it("reports once a channel that asks for another path", async () => {
    const runtime = createRuntime()
    const { server, port } = await startServer(createServer((_, response) => response.writeHead(404).end()))
    const [hub, other] = [createHub({ runtime }), createHub({ path: "/other", runtime: createRuntime() })]
    for (const each of [hub, other]) {
      each.attach(server)
      onDispose(() => each.close())
    }
    const stray = async (path: string): Promise<void> => {
      const channel = createChannel(`http://127.0.0.1:${port}${path}`, { transports: ["websocket"], store: null })
      await nextOf<string>((listener) => channel.onStatus(listener))
      await channel.close({ flushMs: 0 })
    }
    await stray("/everwires")
    await stray("/everwires")
    expect(runtime.warned).toEqual([expect.stringMatching(/asked for \/everwires, and this hub is at \/everwire /)])
    const refusals: Refusal[] = []
    hub.onRefused((refusal) => refusals.push(refusal))
    await stray("/deep/everwire")
    expect(refusals).toMatchObject([{ code: "refused", stage: "path", address: "127.0.0.1", transport: "websocket" }])
    // The hub does not report a WebSocket that is not a channel's.
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`)
    await once(socket, "error")
    await expectHub(`http://127.0.0.1:${port}/other`)
    expect(refusals).toHaveLength(1)
  })

  it("reports once what is missing when WebSockets arrive at the listener as requests", async () => {
    const { server, hub, url } = await startBare()
    server.on("request", hub.listener)
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    for (let n = 0; n < 2; n++) {
      const channel = await connect(url, { transports: ["websocket", "short-poll"] })
      expect(channel.transport).toBe("short-poll")
    }
    expect(errors).toEqual([
      expect.objectContaining({
        code: "misuse",
        message: expect.stringContaining('server.on("upgrade", hub.handleUpgrade)'),
      }),
    ])
  })
})

describe("a hub and a server whose emit is replaced", () => {
  it.each([["before"], ["after"]])("%s it was attached", async (when) => {
    const { server, port, hub, url } = await startBare(app)
    const events: string[] = []
    const replace = (): void => {
      const { emit } = server
      server.emit = function (this: Server, event: string, ...args: unknown[]) {
        events.push(event)
        return Reflect.apply(emit, this, [event, ...args]) as boolean // The signature of emit.
      }
    }
    if (when === "before") replace()
    const before = server.emit
    const detach = hub.attach(server)
    if (when === "after") replace()
    await expectHub(url)
    expect(await get(port, "/page")).toBe("the application's /page")
    expect(events).toContain("request")
    detach()
    if (when === "before") expect(server.emit).toBe(before)
    expect(await get(port, "/everwire/sse")).toBe("the application's /everwire/sse")
    for (let n = 0; n < 3; n++) hub.attach(server)()
    hub.attach(server)
    events.length = 0
    expect(await get(port, "/page")).toBe("the application's /page")
    expect(events.filter((event) => event === "request")).toHaveLength(1)
    await expectHub(url)
  })

  it("on the prototype, as monitoring tools do at any time", async () => {
    const { server, port, hub } = await startBare(app)
    hub.attach(server)
    const emit = vi.spyOn(HttpServer.prototype, "emit")
    onDispose(() => emit.mockRestore())
    expect(await get(port, "/page")).toBe("the application's /page")
    expect(emit.mock.calls.map(([event]) => event)).toContain("request")
  })
})

describe("several hubs on one server", () => {
  it("may not have the same path: attaching the second one throws", async () => {
    const { server, hub } = await startBare(app)
    hub.attach(server)
    const second = createHub()
    expect(() => second.attach(server)).toThrow(expect.objectContaining({ code: "misuse" }))
    expect(() => second.attach(server)).toThrow(/another hub is attached to this server at \/everwire/)
    await second.close()
  })

  it("from two copies of the module (ESM and CommonJS) know of each other", async () => {
    const { server, port, hub, url } = await startBare(app)
    vi.resetModules()
    const copy = await import("everwire/node")
    expect(copy.createHub).not.toBe(createHub)
    const other = copy.createHub({ path: "/other" })
    onDispose(() => other.close())
    const detach = hub.attach(server)
    other.attach(server)
    expect(() => copy.createHub().attach(server)).toThrow(/another hub is attached/)
    await expectHub(url)
    await expectHub(`http://127.0.0.1:${port}/other`)
    detach()
    await expectHub(`http://127.0.0.1:${port}/other`)
    expect(await get(port, "/everwire/sse")).toBe("the application's /everwire/sse")
    await other.close()
    expect(Object.hasOwn(server, "emit")).toBe(false)
  })

  it("replace each other when a development server reloads, with or without a pause", async () => {
    const { server, port, hub, url } = await startBare(app)
    hub.attach(server)
    let before = hub
    for (const pause of [true, false]) {
      const closing = before.close(pause ? {} : { drainMs: 60_000 })
      if (pause) await closing
      const next = createHub()
      onDispose(() => next.close())
      next.attach(server)
      await closing
      await expectHub(url)
      before = next
    }
    expect(await get(port, "/page")).toBe("the application's /page")
    expect(server.listenerCount("upgrade")).toBe(1)
  })

  it("cannot be attached again after close()", async () => {
    const { server, hub } = await startBare(app)
    await hub.close()
    expect(() => hub.attach(server)).toThrow(/this hub is closed/)
    expect(Object.hasOwn(server, "emit")).toBe(false)
  })

  it("attached twice stay until both attachments are undone", async () => {
    const { server, port, hub, url } = await startBare(app)
    const [one, other] = [hub.attach(server), hub.attach(server)]
    one()
    one()
    await expectHub(url)
    other()
    expect(await get(port, "/everwire/sse")).toBe("the application's /everwire/sse")
  })

  it("may be one hub on two servers, which serves both", async () => {
    const { server, hub, url } = await startBare(app)
    const second = await startServer(createServer(app))
    hub.attach(server)
    hub.attach(second.server)
    await expectHub(url)
    await expectHub(`http://127.0.0.1:${second.port}/everwire`)
  })
})

describe("attach says what to pass when it is given", () => {
  const listen = (): void => {}
  it.each<[title: string, given: unknown, advice: string]>([
    [
      "an application of Express",
      Object.assign(() => {}, { listen, handle() {}, on() {}, emit() {} }),
      "app.listen(port)",
    ],
    ["an application of Koa", Object.assign(new EventEmitter(), { listen, callback() {} }), "app.listen(port)"],
    ["an instance of Fastify", { listen, inject() {}, addHook() {}, close() {}, server: {} }, "serverFactory"],
    ["an application of Nest", { listen, getHttpServer() {}, close() {} }, "app.getHttpServer()"],
    ["an application of Hono", { fetch() {}, get() {} }, "hub.attach(serve(app))"],
    ["a promise", Promise.resolve(), "await"],
    ["a server of node:net", createNetServer(), "node:http"],
    ["nothing", undefined, "given: undefined"],
    ["null", null, "given: null"],
    ["a port", 8080, "given: number"],
  ])("%s", (_, given, advice) => {
    const hub = createHub()
    expect(() => hub.attach(given as Server)).toThrow(expect.objectContaining({ code: "misuse" }))
    expect(() => hub.attach(given as Server)).toThrow(advice)
  })
})

describe("attach to a server of HTTP/2", () => {
  it.each([["streams"], ["requests"], ["nothing"]])("with an application that listens to %s", async (heard) => {
    const server = createHttp2Server()
    if (heard === "streams") server.on("stream", (stream) => stream.end("the application's"))
    if (heard === "requests") server.on("request", (_, response) => response.end("the application's"))
    const hub = createHub()
    const detach = hub.attach(server)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    // The server listens on a TCP port.
    const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onDispose(async () => {
      await hub.close()
      session.destroy()
      server.close()
    })
    const ask = async (path: string): Promise<string> => {
      const stream = session.request({ ":method": "POST", ":path": path })
      stream.end("lost")
      let text = ""
      for await (const chunk of stream) text += String(chunk)
      return text
    }
    expect(await ask("/everwire/long-poll")).toContain("protocol-error")
    if (heard === "nothing") return
    expect(await ask("/page")).toBe("the application's")
    detach()
    expect(await ask("/everwire/long-poll")).toBe("the application's")
  })
})

describe("functions taken off a hub work without it:", () => {
  it("fetch, with any further arguments that a runtime passes", async () => {
    const hub = createHub({ authenticate: ({ origin }) => ({ id: typeof origin.address }) })
    onDispose(() => hub.close())
    const { fetch } = hub
    const answer = await fetch(new Request("http://a.example/everwire/long-poll", { method: "POST", body: "lost" }), {
      ASSETS: {},
    })
    expect(answer.status).toBe(400)
    expect((await fetch(new Request("http://a.example/page"))).status).toBe(404)
  })

  it("listener and handleUpgrade", async () => {
    const { server, hub, url } = await startBare()
    const { listener, handleUpgrade } = hub
    server.on("request", listener)
    server.on("upgrade", handleUpgrade)
    await expectHub(url)
  })
})

describe("a framework that answers when its handler has returned, as Koa does,", () => {
  /** Middleware that calls the hub's listener, and then answers unless there is an answer already. */
  async function startKoa(): Promise<{ hub: NodeHub; url: string; port: number; behind: string[] }> {
    const hub = createHub()
    hub.handle("echo", (data) => data)
    onDispose(() => hub.close())
    const behind: string[] = []
    const { server, port } = await startServer(
      createServer((request, response) => {
        response.statusCode = 404
        void (async () => {
          await hub.listener(request, response, async () => {
            await Promise.resolve()
            response.statusCode = 200
            response.end("the application's")
          })
          if (response.writableEnded || response.socket?.writable === false) return
          behind.push(request.url ?? "")
          response.setHeader("content-type", "text/plain")
          response.end("Not Found")
        })()
      }),
    )
    server.on("upgrade", hub.handleUpgrade)
    return { hub, url: `http://127.0.0.1:${port}/everwire`, port, behind }
  }

  it.each(transports)("sees that %s is answered", async (transport) => {
    const { url, port, behind } = await startKoa()
    const channel = await connect(url, { transports: [transport] })
    expect(await channel.request("echo", "x".repeat(150_000))).toHaveLength(150_000)
    await channel.close()
    expect(await get(port, "/page")).toBe("the application's")
    expect(behind).toEqual([])
  })

  it("and the hub notices a client that has left", async () => {
    const hub = createHub()
    onDispose(() => hub.close())
    const { server, port } = await startServer()
    const returned = new Promise<void>((resolve) => {
      server.on("request", (request: IncomingMessage, response) => {
        void (async () => {
          await hub.listener(request, response)
          resolve()
        })()
      })
    })
    const leaving = httpRequest({ port, host: "127.0.0.1", path: "/everwire/sse", method: "POST" })
    leaving.on("error", () => {}) // The connection is destroyed.
    leaving.write("@{")
    await once(server, "request")
    leaving.destroy()
    await returned
  })
})
