// Hosts and schemes in requests to the hub. A page may reach the hub by another name that resolves to it (DNS
// rebinding), and anybody on the network path may change a page without TLS.

import { createServer, request } from "node:https"
import { createHub } from "everwire/node"
import { createHub as createWebHub, type WebHubOptions } from "everwire/server"
import { afterEach, describe, expect, it } from "vitest"
import { SELF_SIGNED } from "../support/certificate.ts"
import { createRuntime, disposeAll, onDispose, startServer } from "../support/hub-server.ts"
import { type Arena, startArena } from "./arena.ts"
import { ask, bodyOf, hello, openTcp } from "./attack.ts"

afterEach(disposeAll)

type Headers = Readonly<Record<string, string>>

/** Returns the status of an upgrade with these headers. */
async function upgraded({ port }: Pick<Arena, "port">, headers: Headers): Promise<number> {
  const { socket, text } = await openTcp(port)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const answered = new Promise((resolve) => socket.once("data", resolve))
  socket.write(
    `GET /everwire/websocket HTTP/1.1\r\n${lines.join("")}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  )
  await answered
  socket.destroy()
  return Number(text().slice(9, 12))
}

/** Sends a request to every entry point of the hub, and returns the answers. */
async function knock(arena: Arena, headers: Headers): Promise<number[]> {
  const greeting = bodyOf({ up: 1, poll: 1 }, hello())
  const asked = [
    ask(`${arena.url}/sse?ticket=none`, { method: "GET", headers }),
    ask(`${arena.url}/sse`, { method: "OPTIONS", headers }),
    ask(`${arena.url}/websocket`, { headers, body: bodyOf({ close: {} }, "b{}") }),
    ask(`${arena.url}/pigeon`, { headers, body: "" }),
    ...["sse", "long-poll", "short-poll"].map((transport) =>
      ask(`${arena.url}/${transport}`, { headers, body: greeting }),
    ),
  ]
  return [await upgraded(arena, headers), ...(await Promise.all(asked)).map(({ status }) => status)]
}

describe("a hub with the option `hosts`", () => {
  it.each<[host: string, origin: string | undefined]>([
    ["evil.example", undefined],
    ["evil.example", "http://evil.example"],
    ["evil.example:8080", "http://evil.example:8080"],
    ["EVIL.example.", "http://evil.example"],
    ["evil.example", "http://hub.example"],
    ["evil.example", "https://app.example"],
    ["hub.example.evil.example", "http://hub.example.evil.example"],
    ["evil-hub.example", "http://evil-hub.example"],
    ["sub.hub.example", "http://sub.hub.example"],
    ["below.example", undefined],
    ["hub.example@evil.example", undefined],
    ["hub.example/evil", undefined],
    ["hub.example, evil.example", undefined],
    ["hub.example:99999", undefined],
    ["localhost.evil.example", "http://localhost.evil.example"],
    ["127.0.0.1.evil.example", "http://127.0.0.1.evil.example"],
    ["null", "null"],
  ])("refuses %j with the origin %j at every entry point, with a code", async (host, origin) => {
    const arena = await startArena({ hosts: ["hub.example", ".under.example"], origins: ["https://app.example"] })
    const refused: string[] = []
    arena.hub.onRefused(({ code }) => refused.push(code))
    const headers = { host, ...(origin !== undefined && { origin }) }
    expect(await knock(arena, headers)).toEqual(new Array(8).fill(403))
    expect(new Set(refused)).toEqual(new Set(["origin-refused"]))
    await arena.settled()
  })

  it.each<[host: string]>([
    ["hub.example"],
    ["hub.example:8080"],
    ["HUB.Example."],
    ["under.example"],
    ["a.b.under.example:1"],
    ["127.0.0.1"],
    ["[::1]:3000"],
    ["localhost:5173"],
    ["app.localhost"],
  ])("admits %s, with a page of that host and without one", async (host) => {
    const arena = await startArena({ hosts: ["hub.example", ".under.example"] })
    const page = `http://${host.toLowerCase()}`
    for (const headers of [{ host }, { host, origin: page }, { host, origin: page, cookie: "a=b" }]) {
      expect(await knock(arena, headers)).not.toContain(403)
    }
    await arena.settled()
  })

  it("checks the host that a trusted proxy reports, and ignores that of any other", async () => {
    const behind = await startArena({ hosts: ["hub.example"], trustProxy: "loopback" })
    expect(await knock(behind, { host: "inside", "x-forwarded-host": "hub.example" })).not.toContain(403)
    expect(await knock(behind, { host: "hub.example", "x-forwarded-host": "evil.example" })).not.toContain(200)
    await behind.settled()
    const alone = await startArena({ hosts: ["hub.example"] })
    expect(await knock(alone, { host: "evil.example", "x-forwarded-host": "hub.example" })).not.toContain(200)
    await alone.settled()
  })

  it.each([
    ["an empty host", "1.1\r\nHost:"],
    ["none, in HTTP/1.0", "1.0"],
    ["another one in its target", "1.1\r\nHost: evil.example"],
  ])("refuses a request with %s", async (_, version) => {
    const arena = await startArena({ hosts: ["hub.example"] })
    const { socket, received } = await openTcp(arena.port)
    socket.write(`POST http://hub.example/everwire/sse HTTP/${version}\r\nContent-Length: 0\r\n\r\n`)
    expect(await received).toMatch(/^HTTP\/1.1 403 /)
    await arena.settled()
  })

  it.each<[title: string, hosts: unknown]>([
    ["with a scheme", ["https://hub.example"]],
    ["with a port", ["hub.example:8080"]],
    ["with a path", ["hub.example/everwire"]],
    ["with a user", ["me@hub.example"]],
    ["with a pattern", ["*.hub.example"]],
    ["that means all", ["*"]],
    ["that is empty", [""]],
    ["that is a dot", ["."]],
    ["that is no text", [/hub/]],
    ["in place of the list", "hub.example"],
  ])("throws at once for an entry %s", (_, hosts) => {
    const options = { hosts } as WebHubOptions // Untyped JavaScript can pass this.
    expect(() => createHub(options)).toThrow(expect.objectContaining({ code: "misuse" }))
    expect(() => createWebHub(options)).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})

describe("a hub with origins and without hosts", () => {
  const page = (host: string, more: Headers = {}): Headers => ({ host, origin: `http://${host}`, ...more })

  it.each<[title: string, headers: Headers]>([
    ["a page of the name that it asks for", page("evil.example")],
    ["the same with cookies", page("evil.example", { cookie: "a=b" })],
    ["the same with a port", page("evil.example:8080")],
    ["a page below one of the origins", page("sub.app.example")],
    ["a page that names itself as browsers do", { host: "evil.example", "sec-fetch-site": "same-origin" }],
    ["a page that names itself by a Referer", { host: "evil.example", referer: "http://evil.example/" }],
    ["the same with cookies", { host: "evil.example", referer: "http://evil.example/", cookie: "a=b" }],
  ])("refuses %s", async (_, headers) => {
    const arena = await startArena({ origins: ["https://app.example"] })
    expect(await knock(arena, headers)).toEqual(new Array(8).fill(403))
    await arena.settled()
  })

  it.each<[title: string, headers: Headers]>([
    ["a page of one of them, by whatever name", { host: "hub.example", origin: "https://app.example" }],
    ["a page of the own host, where that is one of them", page("app.example")],
    ["a page of an address", page("127.0.0.1:8080")],
    ["a page of this machine", page("localhost:8080")],
    ["a program, by whatever name", { host: "hub.example" }],
  ])("admits %s", async (_, headers) => {
    const arena = await startArena({ origins: ["https://app.example"] })
    expect(await knock(arena, headers)).not.toContain(403)
    await arena.settled()
  })
})

describe("a page without TLS", () => {
  /** Whether the hub admits a request with these headers. */
  const isLetIn = async (headers: Headers, options: WebHubOptions = {}): Promise<boolean> => {
    const hub = createWebHub({ runtime: createRuntime(), ...options })
    const request = new Request("http://inside/everwire/sse", { method: "OPTIONS", headers })
    return (await hub.fetch(request)).status === 204
  }
  const own = { host: "hub.example", origin: "http://hub.example", cookie: "a=b" }

  it.each<[title: string, headers: Headers, options: WebHubOptions]>([
    ["where a believed proxy tells of TLS", { ...own, "x-forwarded-proto": "https" }, { trustProxy: 1 }],
    ["where any proxy tells of TLS", { ...own, "x-forwarded-proto": "https" }, {}],
    ["where any proxy tells of a WebSocket with TLS", { ...own, "x-forwarded-proto": "wss,http" }, {}],
    ["where the browser tells", { ...own, "sec-fetch-site": "cross-site" }, {}],
    ["of the same site", { ...own, "sec-fetch-site": "same-site" }, {}],
  ])("does not count as the hub's own host %s", async (_, headers, options) => {
    expect(await isLetIn(headers, options)).toBe(false)
    const listed = { ...options, origins: ["http://hub.example"] }
    expect(await isLetIn(headers, listed)).toBe(true)
    expect(await isLetIn({ ...headers, origin: "https://hub.example", "sec-fetch-site": "same-origin" }, options)).toBe(
      true,
    )
  })

  it.each<[title: string, headers: Headers]>([
    ["where nobody tells of TLS", own],
    ["where a proxy tells that there is none", { ...own, "x-forwarded-proto": "http" }],
    ["where the browser says the same", { ...own, "sec-fetch-site": "same-origin" }],
  ])("is %s", async (_, headers) => {
    expect(await isLetIn(headers)).toBe(true)
  })
})

describe("a hub with TLS", () => {
  /** Returns the status of a request or an upgrade. */
  const knockAt = (port: number, method: string, path: string, headers: Headers): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request({ port, method, path, headers, rejectUnauthorized: false, agent: false })
      asked.on("response", ({ statusCode = 0 }) => resolve(statusCode))
      asked.on("upgrade", (_, socket) => {
        socket.destroy()
        resolve(101)
      })
      asked.on("error", reject)
      asked.end()
    })

  it("admits no page without TLS, with cookies or without, at any entry point", async () => {
    const { server, port } = await startServer(createServer(SELF_SIGNED))
    const hub = createHub()
    onDispose(() => hub.close())
    hub.attach(server)
    const upgrade = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    const doors: readonly (readonly [method: string, path: string, more: Headers])[] = [
      ["GET", "websocket", upgrade],
      ["GET", "sse?ticket=none", {}],
      ["OPTIONS", "sse", {}],
      ["POST", "sse", {}],
      ["POST", "long-poll", {}],
      ["POST", "short-poll", {}],
      ["POST", "websocket", {}],
    ]
    for (const cookie of [{}, { cookie: "a=b" }]) {
      for (const [method, path, more] of doors) {
        const ask = (origin: string): Promise<number> =>
          knockAt(port, method, `/everwire/${path}`, { host: "hub.example", origin, ...cookie, ...more })
        expect([path, await ask("http://hub.example")]).toEqual([path, 403])
        expect([path, await ask("https://hub.example")]).not.toEqual([path, 403])
      }
    }
  })
})
