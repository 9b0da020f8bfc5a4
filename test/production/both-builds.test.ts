import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { Dialer, EverwireError, Target } from "everwire"
import { beforeAll, describe, expect, it, onTestFinished } from "vitest"

const dist = new URL("../../dist/", import.meta.url)

interface Build {
  readonly client: typeof import("everwire")
  readonly core: typeof import("everwire/core")
  readonly node: typeof import("everwire/node")
  readonly streams: typeof import("everwire/streams")
  readonly contract: typeof import("everwire/contract")
  readonly diagnostics: typeof import("everwire/diagnostics")
  readonly testing: typeof import("everwire/testing")
}

const builds = {} as { development: Build; production: Build } // Filled before the tests.

beforeAll(async () => {
  const load = async (folder: string): Promise<Build> => {
    const [client, core, node, contract, diagnostics, streams, testing] = await Promise.all(
      ["index", "core", "node", "contract", "diagnostics", "streams", "testing"].map(
        (entry) => import(/* @vite-ignore */ `${dist.href}${folder}${entry}.js`),
      ),
    )
    return { client, core, node, contract, diagnostics, streams, testing } // The entries of the package.
  }
  builds.development = await load("")
  builds.production = await load("production/")
})

describe("the two builds", () => {
  it("export the same from every entry", () => {
    for (const entry of ["client", "core", "node", "contract", "diagnostics", "streams", "testing"] as const) {
      expect(Object.keys(builds.production[entry])).toEqual(Object.keys(builds.development[entry]))
    }
  })

  it("use the same names towards hubs, dialers, stores and applications", async () => {
    const seen = await Promise.all(Object.values(builds).map(namesOf))
    expect(seen[0]).toMatchObject({
      hello: ["v", "id", "key", "heard", "acked", "turn", "holder", "clock"],
      welcomed: "open",
      stored: ["broken", "holdMs"],
    })
    expect(seen[1]).toEqual(seen[0])
  })

  it("keep the names that other packages define: an option of ws, in a client and in a server", () => {
    for (const file of ["platform/node.js", "node.js", "production/platform/node.js", "production/node.js"]) {
      expect(readFileSync(new URL(file, dist), "utf8")).toMatch(/closeTimeout: ?2e3/)
    }
  })

  it.each([
    { of: "production", hub: "development" },
    { of: "development", hub: "production" },
  ] as const)("talk with each other over every transport: a channel of $of", async ({ of, hub: other }) => {
    const server = createServer()
    const hub = builds[other].node.createHub()
    hub.attach(server)
    hub.onPeer((peer) => peer.on("ask", (data) => peer.send("answer", data)))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo // The server listens on TCP.
    const { createChannel, websocket, sse, longPoll, shortPoll } = builds[of].core
    for (const transport of [websocket, sse, longPoll, shortPoll]) {
      const channel = createChannel(`http://127.0.0.1:${port}`, { transports: [transport], store: null })
      const answer = new Promise((resolve) => channel.on("answer", resolve))
      channel.send("ask", { over: transport.name })
      expect(await answer).toEqual({ over: transport.name })
      await channel.close()
    }
    await hub.close()
    server.close()
  })

  it.each(["development", "production"] as const)("tell an observer, and subscribers, the same: %s", async (build) => {
    const { diagnostics, node, testing } = builds[build]
    const told: [string, string[]][] = []
    const hear = (event: unknown): void => void told.push(["everwire:hub:closing", Object.keys(event as object)])
    subscribe("everwire:hub:closing", hear)
    onTestFinished(() => void unsubscribe("everwire:hub:closing", hear))
    const duo = await testing.createDuo({
      hub: {
        observer: {
          linkAttached: (event) => void told.push(["linkAttached", Object.keys(event)]),
          requestHandled: ({ name, code }) => void told.push(["requestHandled", [name, `${code}`]]),
          aroundRequest: ({ name }, handle) => {
            told.push(["aroundRequest", [name]])
            return handle()
          },
        },
      },
      serve: (hub) => hub.handle("ask", () => 1),
    })
    diagnostics.channelDiagnostics(duo.channel)
    void duo.channel.request("ask")
    await testing.expectDelivered(duo)
    await node.createHub().close()
    expect(told).toEqual([
      ["linkAttached", ["hub", "peer", "transport", "from", "resumed"]],
      ["aroundRequest", ["ask"]],
      ["requestHandled", ["ask", "undefined"]],
      ["everwire:hub:closing", ["hub", "sessions", "drainMs"]],
    ])
    expect(duo.channel.stats()).toMatchObject({ sent: 1, received: 1, incidents: { "took-over": 1 } })
    expect(duo.hub.stats()).toMatchObject({ sent: 1, received: 1, requests: 1, transports: { websocket: 1 } })
  })

  it.each(["development", "production"] as const)("check by a contract on both ends: %s", async (build) => {
    const { contract, testing } = builds[build]
    const { nothing, contract: make } = contract
    const chat = make({ up: { typing: nothing }, down: { over: nothing }, requests: { ping: {} } })
    const duo = await testing.createDuo({ hub: { contract: chat }, channel: { contract: chat } })
    const heard: unknown[] = []
    duo.hub.on("typing", (data) => heard.push(data))
    duo.channel.on("over", (data) => heard.push(data))
    duo.hub.handle("ping", () => {})
    duo.channel.send("typing")
    duo.hub.send("over")
    const pong = duo.channel.request("ping")
    await duo.runtime.pass(200)
    expect(await pong).toBe(undefined)
    expect(heard).toEqual([undefined, undefined])
    const invalid = expect.objectContaining({ code: "payload-invalid" }) as Error
    expect(() => duo.channel.send("typing", 5 as never)).toThrow(invalid)
    expect(() => duo.hub.send("over", 5 as never)).toThrow(invalid)
    await expect(duo.channel.request("ping", 5 as never)).rejects.toThrow(invalid)

    const unchecked = await testing.createDuo({ hub: { contract: chat } })
    unchecked.hub.handle("ping", () => {})
    unchecked.channel.send("typing", 5 as never)
    const failure = unchecked.channel.request("ping", 5 as never).catch((error: unknown) => error)
    await unchecked.runtime.pass(200)
    expect(await failure).toEqual(invalid)
    expect(unchecked.hub.stats().refused).toEqual({ "payload-invalid": 2 })
  })

  it("dial over the testing network of the other build, with its dialer", async () => {
    const duo = await builds.development.testing.createDuo({
      serve: (hub) => hub.onPeer((peer) => peer.on("ask", (data) => peer.send("answer", data))),
    })
    const heard: unknown[] = []
    const channel = builds.production.core.createChannel("https://hub.example", {
      runtime: duo.runtime,
      store: null,
      transports: [duo.network.dialer("websocket")],
    })
    channel.on("answer", (data) => heard.push(data))
    channel.send("ask", { a: 1 })
    await duo.runtime.pass(1_000)
    expect(heard).toEqual([{ a: 1 }])
  })
})

describe("a misuse", () => {
  const thrown = (build: Build): EverwireError => {
    try {
      build.client.createChannel("ftp://hub")
    } catch (error) {
      return error as EverwireError // As the documentation says.
    }
    throw new Error("nothing was thrown")
  }

  it("says in the development build what to do", () => {
    expect(thrown(builds.development)).toMatchObject({
      code: "misuse",
      message: expect.stringContaining("a hub's URL has a scheme"),
    })
  })

  it("gives in the production build its code and a number, whose sentence is in dist/sentences.md", () => {
    const { code, message } = thrown(builds.production)
    expect(code).toBe("misuse")
    const [, number] = /^misuse (\d+): see everwire\/dist\/sentences\.md$/.exec(message) ?? []
    const page = readFileSync(new URL("sentences.md", dist), "utf8")
    const row = page.split("\n").find((line) => line.startsWith(`| ${number} |`))
    expect(row).toContain("`misuse` | a hub's URL has a scheme")
  })

  it("keeps the facts about the network in closings, after the number", async () => {
    const channel = builds.production.client.createChannel("http://127.0.0.1:9", {
      transports: ["long-poll"],
      store: null,
    })
    const error = new builds.production.client.EverwireError("refused", "in words of the application's own")
    expect(error.message).toBe("in words of the application's own")
    expect(() => channel.send("m", { at: [Number.NaN] })).toThrow(/^payload-unsupported \d+,\.at\[0\] is NaN: see /)
    await channel.close({ flushMs: 0 })
  })

  it("has none of its sentences in the production build", () => {
    for (const entry of ["index.js", "index.cjs"]) {
      expect(everythingOf(`production/${entry}`)).not.toContain("closed by the application")
      expect(everythingOf(entry)).toContain("closed by the application")
    }
  })
})

/** Collects the property names that a channel shows to its hub, its dialer, its store and its application. */
async function namesOf({ client, core, testing }: Build): Promise<Record<string, unknown>> {
  const runtime = testing.createVirtualRuntime()
  const shown: Record<string, unknown> = {}
  const dialer: Dialer = {
    name: "own",
    supported: () => true,
    dial(target: Target, sink) {
      shown["target"] = Object.keys(target)
      return {
        name: "own",
        bufferedBytes: 0,
        send(batch) {
          if (!String(batch).startsWith("h")) return
          // A packet is a kind and JSON.
          const hello = JSON.parse(String(batch).slice(1).split("\n", 1)[0] ?? "") as object
          shown["hello"] = Object.keys(hello)
          const figures = {
            speakMs: 20_000,
            patienceMs: 30_000,
            resumeMs: 120_000,
            maxPayloadBytes: 1_000_000,
          }
          const welcome = { v: 1, peer: "p", hub: "h", heard: 0, attached: true, resumed: false, ...figures }
          sink.batch(`w${JSON.stringify(welcome)}`)
          target.learnHold(5_000)
        },
        close() {},
      }
    },
  }
  const stored = new Map<string, string>()
  const channel = core.createChannel("https://hub.example", {
    runtime,
    transports: [dialer],
    store: { getItem: (key) => stored.get(key) ?? null, setItem: (key, value) => void stored.set(key, value) },
  })
  channel.onStatus((status, detail) => {
    shown["welcomed"] ??= status
    shown["detail"] ??= Object.keys(detail)
  })
  channel.send("m", 1)
  await runtime.pass(100)
  const explained = channel.explain()
  shown["explained"] = [explained, ...explained.rungs, ...explained.incidents].map((each) => Object.keys(each))
  shown["stored"] = [...stored.values()].flatMap((text) => Object.keys(JSON.parse(text) as object))
  shown["closing"] = Object.keys(new client.EverwireError("closed", "a sentence"))
  return shown
}

/** The text of an entry and of all files that it imports. */
function everythingOf(entry: string, seen = new Set<string>()): string {
  if (seen.has(entry)) return ""
  seen.add(entry)
  const text = readFileSync(new URL(entry, dist), "utf8")
  const folder = entry.slice(0, entry.lastIndexOf("/") + 1)
  const loaded = [...text.matchAll(/["']\.\/([^"']+\.c?js)["']/g)].map(([, name = ""]) =>
    everythingOf(folder + name, seen),
  )
  return [text, ...loaded].join("\n")
}
