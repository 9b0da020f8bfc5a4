import { randomBytes } from "node:crypto"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { runInNewContext } from "node:vm"
import { createHub, type NodeHub } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket, WebSocketServer } from "ws"
import { connect, disposeAll, onDispose, startHub, startServer, transports } from "../../support/hub-server.ts"

afterEach(disposeAll)

/** The status with which an upgrade to this URL is answered. */
function upgradeStatus(url: string): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url.replace("http", "ws"))
    socket.on("error", () => {}) // The status is in the answer; the error that follows adds nothing.
    socket.once("open", () => {
      resolve(101)
      socket.terminate()
    })
    socket.once("unexpected-response", (_, answer: IncomingMessage) => {
      resolve(answer.statusCode ?? 0)
      answer.destroy()
    })
  })
}

describe("attach", () => {
  it("takes the hub's paths away from existing listeners, and leaves them all other requests", async () => {
    const seen: string[] = []
    const { url, port } = await startHub({}, (request, response) => {
      seen.push(request.url ?? "")
      response.end("the application's")
    })
    for (const transport of transports) {
      const channel = await connect(url, { transports: [transport] })
      await channel.close()
    }
    expect(seen).toEqual([])
    const origin = `http://127.0.0.1:${port}`
    for (const path of ["/", "/everwire", "/everwire/", "/everwirex/sse", "/other/everwire/sse", "/sse"]) {
      expect(await (await fetch(origin + path)).text()).toBe("the application's")
    }
    expect(seen).toEqual(["/", "/everwire", "/everwire/", "/everwirex/sse", "/other/everwire/sse", "/sse"])
  })

  it("answers other requests with 404 when there is no listener", async () => {
    const { port } = await startHub()
    expect((await fetch(`http://127.0.0.1:${port}/page`)).status).toBe(404)
  })

  it.each(["long-poll", "short-poll"] as const)("writes every answer over %s in one piece", async (transport) => {
    const { url, server, hub } = await startHub()
    let gathered = 0
    server.on("connection", (socket) => {
      // The method with which a stream writes several pieces at once (Node's stream documentation).
      const writev = socket._writev?.bind(socket)
      socket._writev = (...pieces) => {
        gathered++
        writev?.(...pieces)
      }
    })
    hub.on("word", (data, peer) => peer.send("word", `${data} heard`))
    const channel = await connect(url, { transports: [transport] })
    for (const word of ["one", "zwölf"]) {
      const heard = new Promise((resolve) => channel.on("word", resolve))
      channel.send("word", word)
      expect(await heard).toBe(`${word} heard`)
    }
    await channel.close()
    expect(gathered).toBe(0)
  })

  it("answers an upgrade that no listener takes with 404 and closes it", async () => {
    const { port, server, hub } = await startHub()
    expect(await upgradeStatus(`http://127.0.0.1:${port}/elsewhere`)).toBe(404)
    await hub.close()
    await new Promise((resolve) => server.close(resolve))
  })

  it("leaves upgrades on other paths to other listeners", async () => {
    const { port, server, url } = await startHub()
    const other = new WebSocketServer({ noServer: true })
    server.on("upgrade", (request, socket, head) => {
      if (request.url === "/other") other.handleUpgrade(request, socket, head, (opened) => opened.send("hello"))
    })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/other`)
    onDispose(() => socket.terminate())
    expect(String(await new Promise((resolve) => socket.once("message", resolve)))).toBe("hello")
    await connect(url, { transports: ["websocket"] })
  })

  it.each(transports)("lets server.close() finish after hub.close(), with a channel on %s", async (transport) => {
    const { hub, server, url } = await startHub()
    const channel = await connect(url, { transports: [transport] })
    channel.send("n", 1)
    await channel.flush()
    await hub.close()
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeIdleConnections()
    await closed
  })

  it("may be undone: then the server is as before", async () => {
    const listener: RequestListener = (_, response) => void response.end("the application's")
    const { server, port } = await startServer(createServer(listener))
    const hub = createHub()
    onDispose(() => hub.close())
    const detach = hub.attach(server)
    expect((await fetch(`http://127.0.0.1:${port}/everwire/pigeon`)).status).toBe(404)
    detach()
    detach()
    expect(server.listeners("request")).toEqual([listener])
    expect(server.listenerCount("upgrade")).toBe(0)
    expect(await (await fetch(`http://127.0.0.1:${port}/everwire/pigeon`)).text()).toBe("the application's")
  })

  it("of two hubs on one server keeps both apart, and either may be detached first", async () => {
    for (const first of [0, 1] as const) {
      const { server, port } = await startServer(createServer((_, response) => void response.end("the application's")))
      const hubs = [createHub({ path: "/one" }), createHub({ path: "/two" })] as const
      for (const hub of hubs) {
        hub.attach(server)
        hub.handle("path", () => hub.path)
        onDispose(() => hub.close())
      }
      const origin = `http://127.0.0.1:${port}`
      for (const path of ["/one", "/two"]) {
        const channel = await connect(origin + path, { transports: ["websocket"] })
        expect(await channel.request("path")).toBe(path)
        await channel.close()
      }
      expect(await upgradeStatus(`${origin}/three/websocket`)).toBe(200)
      await hubs[first].close()
      const left = hubs[1 - first] ?? hubs[0]
      const channel = await connect(origin + left.path, { transports: ["websocket"] })
      expect(await channel.request("path")).toBe(left.path)
      expect(await (await fetch(`${origin}/page`)).text()).toBe("the application's")
      await left.close()
      expect(await (await fetch(`${origin}/page`)).text()).toBe("the application's")
      expect(server.listenerCount("request")).toBe(1)
    }
  })

  it("does not swallow errors of requests that are not the hub's", async () => {
    let listeners = 0
    const { port } = await startHub({}, (request, response) => {
      listeners = request.listenerCount("error") + response.listenerCount("error")
      response.end()
    })
    await fetch(`http://127.0.0.1:${port}/page`)
    expect(listeners).toBe(0)
  })
})

describe("handleUpgrade", () => {
  it("answers false for foreign paths, and leaves the socket alone", async () => {
    const { server, port } = await startServer()
    const hub = createHub()
    onDispose(() => hub.close())
    const taken: boolean[] = []
    server.on("upgrade", (request, socket, head) => {
      const was = hub.handleUpgrade(request, socket, head)
      taken.push(was)
      if (!was) socket.end("HTTP/1.1 418 mine\r\n\r\n")
    })
    expect(await upgradeStatus(`http://127.0.0.1:${port}/page`)).toBe(418)
    expect(await upgradeStatus(`http://127.0.0.1:${port}/deep/page/websocketx`)).toBe(418)
    const channel = await connect(`http://127.0.0.1:${port}/everwire`, { transports: ["websocket"] })
    expect(taken).toEqual([false, false, true])
    await channel.close()
  })

  it("accepts paths behind a prefix, and the transport's name alone where a framework cut off the rest", async () => {
    const { server, port } = await startServer()
    const hub = createHub()
    onDispose(() => hub.close())
    server.on("upgrade", (request, socket, head) => {
      request.url = request.url?.replace(/^\/stripped/, "")
      if (!hub.handleUpgrade(request, socket, head)) socket.end("HTTP/1.1 418 mine\r\n\r\n")
    })
    for (const path of ["/api/v1/everwire", "/stripped"]) {
      const channel = await connect(`http://127.0.0.1:${port}${path}`, { transports: ["websocket"] })
      await channel.close()
    }
  })
})

describe("the listener", () => {
  /** A server whose middleware may change the request before the hub sees it, as frameworks do. */
  async function startMiddleware(
    prepare: (
      request: IncomingMessage & { originalUrl?: string; body?: unknown; rawBody?: unknown },
      response: ServerResponse,
    ) => Promise<void> | undefined,
  ): Promise<{ url: string; passed: string[]; hub: NodeHub }> {
    const hub = createHub()
    hub.handle("echo", (data) => data)
    onDispose(() => hub.close())
    const passed: string[] = []
    const { port } = await startServer(
      createServer((request, response) => {
        const next = (): void => {
          passed.push(request.url ?? "")
          response.end("the application's")
        }
        const prepared = prepare(request, response)
        if (prepared === undefined) hub.listener(request, response, next)
        else void prepared.then(() => response.headersSent || hub.listener(request, response, next))
      }),
    )
    return { url: `http://127.0.0.1:${port}`, passed, hub }
  }

  it("calls next for requests that are not the hub's, also at the root", async () => {
    const { url, passed } = await startMiddleware(() => undefined)
    const pages = [
      "/",
      "/about",
      "/favicon.ico",
      "/everwire",
      "/everwire/",
      "/users/5",
      "/everwirex/sse",
      "/constructor",
    ]
    for (const page of pages) expect(await (await fetch(url + page)).text()).toBe("the application's")
    expect(passed).toEqual(pages)
  })

  it("answers 404 itself when there is no next", async () => {
    const hub = createHub()
    onDispose(() => hub.close())
    const { port } = await startServer(createServer(hub.listener))
    expect((await fetch(`http://127.0.0.1:${port}/page`)).status).toBe(404)
    const channel = await connect(`http://127.0.0.1:${port}`, { transports: ["long-poll"] })
    await channel.close()
  })

  it.each(transports.slice(1))(
    "works with %s where the URL was cut and originalUrl has all of it",
    async (transport) => {
      const { url } = await startMiddleware((request) => {
        request.originalUrl = request.url ?? ""
        request.url = request.url?.replace("/api/everwire", "") ?? ""
      })
      const channel = await connect(`${url}/api/everwire`, { transports: [transport] })
      expect(await channel.request("echo", "mounted")).toBe("mounted")
      await channel.close()
    },
  )

  it.each(transports.slice(1))("works with %s where the URL was cut and nothing has all of it", async (transport) => {
    const { url } = await startMiddleware((request) => {
      request.url = request.url?.replace("/api/everwire", "") ?? ""
      return undefined
    })
    const channel = await connect(`${url}/api/everwire`, { transports: [transport] })
    expect(await channel.request("echo", "mounted")).toBe("mounted")
    await channel.close()
  })

  /** Reads a body as a framework's body parser does. */
  async function read(request: IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer) // Chunks are Buffers, because no encoding is set.
    return Buffer.concat(chunks)
  }

  it.each<[title: string, parse: (body: Buffer) => unknown]>([
    ["as text", (body) => body.toString()],
    ["as bytes", (body) => body],
  ])("uses a body that was read before it, %s", async (_, parse) => {
    const { url } = await startMiddleware(async (request) => {
      if (request.method === "POST") request.body = parse(await read(request))
    })
    const channel = await connect(`${url}/everwire`, { transports: ["long-poll"] })
    expect(await channel.request("echo", "€ 🚢")).toBe("€ 🚢")
    await channel.close()
  })

  it("reads the body itself where a parser has skipped it and left an empty object", async () => {
    const { url } = await startMiddleware((request) => {
      request.body = {}
      return undefined
    })
    const channel = await connect(`${url}/everwire`, { transports: ["short-poll"] })
    expect(await channel.request("echo", Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2))
    await channel.close()
  })

  it("uses the raw bytes that a parser has kept beside the parsed body", async () => {
    const { url } = await startMiddleware(async (request) => {
      if (request.method !== "POST") return
      request.rawBody = await read(request)
      request.body = { parsed: true }
    })
    const channel = await connect(`${url}/everwire`, { transports: ["long-poll"] })
    expect(await channel.request("echo", Uint8Array.of(1, 255))).toEqual(Uint8Array.of(1, 255))
    await channel.close()
  })

  it("uses bytes of another realm, as in test runners", async () => {
    // The code returns a Uint8Array.
    const bytes = runInNewContext("(given) => new Uint8Array(given)") as (given: Uint8Array) => Uint8Array
    const { url } = await startMiddleware(async (request) => {
      if (request.method === "POST") request.body = bytes(await read(request))
    })
    const channel = await connect(`${url}/everwire`, { transports: ["long-poll"] })
    expect(await channel.request("echo", "ü")).toBe("ü")
    await channel.close()
  })

  it("gets the whole body beside a logger that reads it too", async () => {
    let logged = ""
    const { url } = await startMiddleware((request) => {
      request.on("data", (chunk: Buffer) => {
        logged += chunk.toString()
      })
      return undefined
    })
    const channel = await connect(`${url}/everwire`, { transports: ["short-poll"] })
    expect(await channel.request("echo", "x".repeat(150_000))).toHaveLength(150_000)
    expect(logged.length).toBeGreaterThan(150_000)
    await channel.close()
  })

  it("gets 150 kB past a parser that accepts at most 100 kB and answers with a page", async () => {
    const { url } = await startMiddleware(async (request, response) => {
      if (request.method !== "POST") return
      const body = await read(request)
      request.body = body.toString()
      if (body.length > 102_400) {
        response.writeHead(413, { "content-type": "text/html; charset=utf-8" }).end("<h1>request entity too large</h1>")
      }
    })
    const channel = await connect(`${url}/everwire`, { transports: ["long-poll"] })
    expect(await channel.request("echo", randomBytes(75_000).toString("hex"))).toHaveLength(150_000)
    await channel.close()
  })

  it.each<[title: string, body: unknown, type: string, advice: string]>([
    ["made something else of the body", { parsed: true }, "text/plain", "request.rawBody"],
    ["threw the body away", undefined, "text/plain", "mount the hub before it"],
    ["made text of bytes", "\ufffd\ufffd", "application/octet-stream", "leave application/octet-stream alone"],
  ])("says what to do when a parser has %s, and reports it once", async (_, body, type, advice) => {
    const { url, hub } = await startMiddleware(async (request) => {
      await read(request)
      request.body = body
    })
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    for (let n = 0; n < 2; n++) {
      const answer = await fetch(`${url}/everwire/long-poll`, {
        method: "POST",
        body: "@{}",
        headers: { "content-type": type },
      })
      expect(answer.status).toBe(400)
      expect(await answer.text()).toContain(advice)
    }
    expect(errors).toEqual([expect.objectContaining({ code: "misuse", message: expect.stringContaining(advice) })])
  })

  it("refuses a body that was read before and is too large", async () => {
    const { url } = await startMiddleware((request) => {
      request.body = "x".repeat(3_000_000)
      return undefined
    })
    const answer = await fetch(`${url}/everwire/long-poll`, { method: "POST" })
    expect(answer.status).toBe(413)
  })
})
