import { type Channel, type CreateChannelOptions, createChannel } from "everwire"
import { createHub, type Hub, type Peer, websocketAcceptor } from "everwire/server"
import { mswHandlers } from "everwire/testing"
import { HttpResponse, http, ws } from "msw"
import { setupServer } from "msw/node"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { hastyClock } from "../laws/rigs/hasty-clock.ts"
import { disposeAll, nextOf, onDispose } from "../support/hub-server.ts"

const url = "https://chat.example/everwire"
const server = setupServer()

// Node 20 has no WebSocket. msw replaces the global one when it begins to listen, so this test sets one before.
const { WebSocket: before } = globalThis
beforeAll(() => {
  Object.assign(globalThis, { WebSocket })
  server.listen({ onUnhandledRequest: "error" })
})
afterAll(() => {
  server.close()
  Object.assign(globalThis, { WebSocket: before })
})
afterEach(disposeAll)

/** The options of a channel in a page: its WebSocket is the global one. */
const page: CreateChannelOptions = {
  runtime: hastyClock,
  store: null,
  // As in src/runtimes/web/platform.ts.
  platform: { openSocket: (at, protocols) => new globalThis.WebSocket(at, protocols) },
}

interface World {
  readonly hub: Hub
  readonly channel: Channel
  readonly peer: Promise<Peer>
}

/** A hub behind msw, and a channel that connects as to a real hub. */
function start(options: CreateChannelOptions): World {
  const hub = createHub({
    transports: ["sse", "long-poll", "short-poll", websocketAcceptor()],
    runtime: hastyClock,
  })
  server.resetHandlers(...mswHandlers(url, hub, { http, ws }))
  const peer = nextOf<Peer>((listener) => hub.onPeer(listener))
  const channel = createChannel(url, options)
  onDispose(async () => {
    await channel.close({ flushMs: 0 })
    await hub.close()
  })
  return { hub, channel, peer }
}

const ways = [
  ["websocket", { ...page, transports: ["websocket"] }],
  ["sse", { ...page, transports: ["sse"] }],
  ["long-poll", { ...page, transports: ["long-poll"] }],
  ["short-poll", { ...page, transports: ["short-poll"] }],
] as const

describe.each(ways)("through msw over %s", (name, options) => {
  it("messages go both ways, text and binary, in order", async () => {
    const { hub, channel } = start(options)
    hub.on("chat", (data, peer) => peer.send("chat", data))
    const heard: unknown[] = []
    const said = ["one", { nested: [2] }, "drei €", Uint8Array.of(4, 0, 255)]
    const all = nextOf(
      (listener: (data: unknown) => void) => channel.on("chat", listener),
      (data) => heard.push(data) === said.length,
    )
    for (const data of said) channel.send("chat", data)
    await all
    expect(heard).toEqual(said)
    expect(channel.transport).toBe(name)
  })

  it("requests of both ends are answered", async () => {
    const { hub, channel, peer } = start(options)
    hub.handle("double", (n) => 2 * Number(n))
    channel.handle("name", () => "Ada")
    expect(await channel.request("double", 21)).toBe(42)
    expect(await (await peer).request("name")).toBe("Ada")
  })

  it("the hub sends first, and to rooms", async () => {
    const { hub, channel, peer } = start(options)
    const notices = nextOf((listener) => channel.on("notice", listener))
    ;(await peer).join("lobby")
    hub.to("lobby").send("notice", "welcome")
    expect(await notices).toBe("welcome")
  })

  it("messages that the hub sends just before it closes are heard, and then the reason of the close", async () => {
    const { channel, peer } = start(options)
    await channel.opened
    const heard: unknown[] = []
    channel.on("last", (data) => heard.push(data))
    const closed = nextOf((listener) =>
      channel.onStatus((status, { closing }) => status === "closed" && listener(closing?.code)),
    )
    const it = await peer
    it.send("last", "words")
    it.close()
    expect(await closed).toBe("closed-by-peer")
    expect(heard).toEqual(["words"])
  })

  it("the hub learns that the front end has closed its channel", async () => {
    const { channel, peer } = start(options)
    await channel.opened
    const it = await peer
    const closed = nextOf<{ code: string }>((listener) => it.onClose(listener))
    await channel.close()
    expect((await closed).code).toBe("closed-by-peer")
  })
})

// Connections that msw has passed through stay open: a new handler does not cut a WebSocket that was opened before.
describe.each(ways.slice(1))("a hub behind msw that stops and starts again, over %s", (_, options) => {
  it("makes the channel reconnect, and no message is lost or doubled", async () => {
    const { hub, channel } = start(options)
    const heard: unknown[] = []
    hub.on("n", (data) => heard.push(data))
    await channel.opened
    channel.send("n", 1)
    await channel.flush()

    const away = nextOf<string>((listener) => channel.onStatus(listener))
    server.use(http.all(`${url}/*`, () => HttpResponse.error()))
    channel.send("n", 2)
    expect(await away).toBe("reconnecting")
    const back = nextOf<string>(
      (listener) => channel.onStatus(listener),
      (status) => status === "open",
    )
    server.resetHandlers(...mswHandlers(url, hub, { http, ws }))
    await back
    channel.send("n", 3)
    await channel.flush()
    expect(heard).toEqual([1, 2, 3])
  })
})

describe("the transports through msw", () => {
  it("take the platform's WebSocket first", async () => {
    const { channel } = start(page)
    await channel.opened
    expect(channel.transport).toBe("websocket")
  })

  it("leave the ws package's WebSocket at once, because msw refuses its upgrade as an unknown request", async () => {
    const { channel } = start({ runtime: hastyClock, store: null })
    await channel.opened
    expect(channel.transport).toBe("sse")
    const told = channel.explain().incidents.map(({ transport, what }) => `${transport} ${what}`)
    expect(told.slice(0, 3)).toEqual(["websocket dialed", "websocket closed", "sse dialed"])
  })

  it("leave a WebSocket at once that the hub does not accept", async () => {
    const hub = createHub({ runtime: hastyClock })
    onDispose(() => hub.close())
    server.resetHandlers(...mswHandlers(url, hub, { http, ws }))
    const channel = createChannel(url, page)
    onDispose(() => channel.close({ flushMs: 0 }))
    await channel.opened
    expect(channel.transport).toBe("sse")
    const told = channel.explain().incidents.map(({ transport, what }) => `${transport} ${what}`)
    expect(told.slice(0, 3)).toEqual(["websocket dialed", "websocket closed", "sse dialed"])
  })
})

it("of two hubs with one URL, the latest gets the WebSocket, as it gets the requests", async () => {
  const [before, latest] = [
    createHub({ runtime: hastyClock }),
    createHub({ transports: [websocketAcceptor()], runtime: hastyClock }),
  ]
  latest.handle("who", () => "the latest hub")
  server.resetHandlers(...mswHandlers(url, before, { http, ws }))
  server.use(...mswHandlers(url, latest, { http, ws }))
  const channel = createChannel(url, { ...page, transports: ["websocket"] })
  onDispose(async () => {
    await channel.close({ flushMs: 0 })
    await before.close()
    await latest.close()
  })
  expect(await channel.request("who")).toBe("the latest hub")
})

it("a login that msw mocks is known to the hub by its cookie", async () => {
  const site = "https://login.example"
  const hub = createHub({
    authenticate: ({ origin }) => ({ id: origin.header("cookie") ?? "nobody" }),
    runtime: hastyClock,
  })
  server.resetHandlers(
    http.post(`${site}/login`, () => HttpResponse.json({}, { headers: { "set-cookie": "user=Ada; Path=/" } })),
    ...mswHandlers(site, hub, { http, ws }),
  )
  const peer = nextOf<Peer>((listener) => hub.onPeer(listener))
  await fetch(`${site}/login`, { method: "POST" })
  const channel = createChannel(site, { runtime: hastyClock, store: null })
  onDispose(async () => {
    await channel.close({ flushMs: 0 })
    await hub.close()
  })
  await channel.opened
  expect((await peer).principal.id).toMatch(/^user=Ada/)
})

it("handlers for a URL with another path than the hub's are refused", () => {
  const hub = createHub({ path: "/live" })
  expect(() => mswHandlers(url, hub, { http, ws })).toThrow(expect.objectContaining({ code: "misuse" }))
  expect(mswHandlers("https://chat.example/behind/a/proxy/live", hub, { http, ws })).toHaveLength(2)
})
