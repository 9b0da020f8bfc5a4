import { type Channel, createChannel, type Dialer, type Link, shareConnections } from "everwire"
import { createHub, type Hub } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Network, type VirtualRuntime } from "everwire/testing"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]
const HOLDING = ["sse", "long-poll"]

/** The part of Web Locks that the channel uses: exclusive locks, granted in the order of the requests. */
class Locks {
  readonly #queues = new Map<string, (() => void)[]>()

  get held(): number {
    return [...this.#queues.values()].filter((queue) => queue.length > 0).length
  }

  async request(
    name: string,
    { signal }: { signal: AbortSignal },
    run: () => Promise<void> | undefined,
  ): Promise<void> {
    const queue = this.#queues.get(name) ?? []
    this.#queues.set(name, queue)
    await new Promise<void>((resolve, reject) => {
      queue.push(resolve)
      signal.addEventListener("abort", () => {
        if (queue.indexOf(resolve) > 0) queue.splice(queue.indexOf(resolve), 1)
        reject(new DOMException("", "AbortError"))
      })
      if (queue.length === 1) resolve()
    })
    await run()
    queue.shift()
    queue[0]?.()
  }
}

/** Defines the globals of a browser's page; its connections are HTTP/1.1 unless the caller says otherwise. */
function openBrowser(locks: unknown, nextHopProtocol = "http/1.1"): void {
  vi.stubGlobal("location", { href: "http://hub/page", origin: "http://hub" })
  vi.stubGlobal("navigator", { locks })
  vi.stubGlobal("BroadcastChannel", undefined)
  vi.stubGlobal("performance", { getEntries: () => [{ name: "http://hub/page", nextHopProtocol }] })
}

interface Place {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly hub: Hub
  open(dress?: (dialer: Dialer) => Dialer, path?: string): Channel
}

function start(): Place {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime, latencyMs: 10 })
  const hub = createHub({ runtime, transports: LADDER.map((name) => network.acceptor(name)) })
  hub.handle("echo", (data) => data)
  const open: Place["open"] = (dress = (dialer) => dialer, path = "") =>
    createChannel(`http://hub${path}`, {
      store: null,
      runtime,
      transports: LADDER.map((name) => {
        const dialer = { ...network.dialer(name), holds: HOLDING.includes(name) ? shareConnections : undefined }
        return dress(dialer)
      }),
    })
  return { runtime, network, hub, open }
}

const transportsOf = (channels: Channel[]): (string | undefined)[] => channels.map(({ transport }) => transport).sort()
const times = (count: number, name: string): string[] => Array(count).fill(name)

afterEach(() => vi.unstubAllGlobals())

describe("tabs of one origin, where a WebSocket is refused", () => {
  let locks: Locks
  beforeEach(() => {
    locks = new Locks()
    openBrowser(locks)
  })

  it("hold four connections together, and the other tabs poll without holding one", async () => {
    const { runtime, network, open } = start()
    network.block("websocket")
    // The path does not matter: a browser counts connections by host.
    const channels = Array.from({ length: 8 }, (_, n) => open(undefined, `/${n % 2}`))
    await runtime.pass(1_000)
    expect(transportsOf(channels)).toEqual([...times(4, "short-poll"), ...times(4, "sse")])
    await runtime.pass(700_000)
    expect(transportsOf(channels)).toEqual([...times(4, "short-poll"), ...times(4, "sse")])
    const polling = channels.find(({ transport }) => transport === "short-poll")?.explain()
    expect(polling?.rungs[1]).toMatchObject({ transport: "sse", standing: "crowded" })
    expect(polling?.why).toContain("sse waits for one of the connections that other tabs hold")
  })

  it("take over a connection at once when another tab closes and gives it back", async () => {
    const { runtime, network, open } = start()
    network.block("websocket")
    const channels = Array.from({ length: 7 }, () => open())
    await runtime.pass(60_000)
    for (const channel of channels.filter(({ transport }) => transport === "sse").slice(0, 2)) await channel.close()
    await runtime.pass(1_000)
    expect(transportsOf(channels.filter(({ status }) => status === "open"))).toEqual(["short-poll", ...times(4, "sse")])
  })

  it("take no lock and wait for none while the WebSocket works", async () => {
    const { runtime, open } = start()
    const channels = Array.from({ length: 6 }, () => open())
    await runtime.pass(10_000)
    expect(transportsOf(channels)).toEqual(times(6, "websocket"))
    expect(locks.held).toBe(0)
  })

  it("give all locks back when they have closed", async () => {
    const { runtime, network, open } = start()
    network.block("websocket")
    const channels = Array.from({ length: 6 }, () => open())
    await runtime.pass(1_000)
    expect(locks.held).toBe(4)
    for (const channel of channels) await channel.close()
    await runtime.pass(1)
    expect(locks.held).toBe(0)
  })

  it("hold a connection without a lock where no other transport works", async () => {
    const { runtime, network, open } = start()
    for (const name of ["websocket", "short-poll"]) network.block(name)
    const channels = Array.from({ length: 5 }, () => open())
    await runtime.pass(2_000)
    expect(transportsOf(channels)).toEqual(times(5, "sse"))
  })
})

describe("connections are not counted", () => {
  it.each<[string, () => void]>([
    ["over HTTP/2, where one carries everything", () => openBrowser(new Locks(), "h2")],
    ["outside of browsers", () => vi.stubGlobal("navigator", { locks: new Locks() })],
    ["without Web Locks", () => openBrowser(undefined)],
    [
      "without Web Locks, where storage is forbidden",
      () => {
        openBrowser(undefined)
        vi.stubGlobal("BroadcastChannel", () => {
          throw new DOMException("", "SecurityError")
        })
      },
    ],
    ["where Web Locks are forbidden", () => openBrowser({ request: () => Promise.reject(new Error("no")) })],
  ])("%s", async (_, prepare) => {
    prepare()
    const { runtime, network, open } = start()
    network.block("websocket")
    const channels = Array.from({ length: 6 }, () => open())
    await runtime.pass(5_000)
    expect(transportsOf(channels)).toEqual(times(6, "sse"))
  })
})

/** Defines a BroadcastChannel, by which tabs hear each other after `latenessMs`. */
function openTabs(runtime: VirtualRuntime, latenessMs: () => number): { readonly open: number } {
  const tabs = new Set<Tab>()
  class Tab {
    onmessage: ((event: { data: unknown }) => void) | undefined
    readonly #name: string
    constructor(name: string) {
      this.#name = name
      tabs.add(this)
    }
    postMessage(data: unknown): void {
      for (const tab of tabs) {
        if (tab === this || tab.#name !== this.#name) continue
        runtime.after(latenessMs(), () => tabs.has(tab) && tab.onmessage?.({ data }))
      }
    }
    close(): void {
      tabs.delete(this)
    }
  }
  vi.stubGlobal("BroadcastChannel", Tab)
  return {
    get open() {
      return tabs.size
    },
  }
}

describe("tabs of one origin without Web Locks, where a WebSocket is refused", () => {
  it("hold four connections together, and the other tabs poll without holding one", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    openTabs(runtime, () => 10)
    network.block("websocket")
    const channels = Array.from({ length: 8 }, () => open())
    await runtime.pass(1_000)
    expect(transportsOf(channels)).toEqual([...times(4, "short-poll"), ...times(4, "sse")])
    await runtime.pass(700_000)
    expect(transportsOf(channels)).toEqual([...times(4, "short-poll"), ...times(4, "sse")])
    const polling = channels.find(({ transport }) => transport === "short-poll")?.explain()
    expect(polling?.rungs[1]).toMatchObject({ transport: "sse", standing: "crowded" })
  })

  it("reach the same division when they answer each other late, and lose nothing", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    openTabs(runtime, () => 400)
    network.block("websocket")
    const channels = Array.from({ length: 8 }, () => open())
    await runtime.pass(300)
    expect(transportsOf(channels)).toEqual(times(8, "sse"))
    const answers = channels.map((channel) => channel.request("echo", 1))
    await runtime.pass(3_000)
    expect(await Promise.all(answers)).toEqual(Array(8).fill(1))
    expect(transportsOf(channels)).toEqual([...times(4, "short-poll"), ...times(4, "sse")])
  })

  it("take over a connection at their next check when another tab closes and gives it back", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    openTabs(runtime, () => 10)
    network.block("websocket")
    const channels = Array.from({ length: 6 }, () => open())
    await runtime.pass(1_000)
    void channels.find(({ transport }) => transport === "sse")?.close()
    await runtime.pass(4_000)
    expect(transportsOf(channels.filter(({ status }) => status === "open"))).toEqual(["short-poll", ...times(4, "sse")])
  })

  it("do not ask each other while the WebSocket works, nor after they have closed", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    const tabs = openTabs(runtime, () => 10)
    const first = open()
    await runtime.pass(1_000)
    expect([first.transport, tabs.open]).toEqual(["websocket", 0])
    network.block("websocket")
    const second = open()
    await runtime.pass(1_000)
    expect([second.transport, tabs.open]).toEqual(["sse", 1])
    void second.close()
    await runtime.pass(1)
    expect(tabs.open).toBe(0)
  })
})

/** A browser's connection pool: requests wait while all connections are held by links that were welcomed. */
class Pool {
  readonly #size: number
  readonly #held = new Set<Link>()
  readonly #waiting = new Map<Link, (() => void)[]>()

  constructor(size: number) {
    this.#size = size
  }

  readonly dress = (dialer: Dialer): Dialer => ({
    ...dialer,
    dial: (target, sink) => {
      const link = dialer.dial(target, {
        ...sink,
        batch: (batch) => {
          if (dialer.holds) this.#held.add(link)
          sink.batch(batch)
        },
        closed: (why) => {
          this.#free(link)
          sink.closed(why)
        },
        writable: () => sink.writable(),
      })
      const send = link.send.bind(link)
      const close = link.close.bind(link)
      link.send = (batch) => {
        if (dialer.name === "websocket" || this.#held.size < this.#size) send(batch)
        else this.#waiting.set(link, [...(this.#waiting.get(link) ?? []), () => send(batch)])
      }
      link.close = (why) => {
        close(why)
        this.#free(link)
      }
      return link
    },
  })

  #free(link: Link): void {
    this.#waiting.delete(link)
    if (!this.#held.delete(link) || this.#held.size >= this.#size) return
    const waiting = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    for (const send of waiting) send()
  }
}

describe("without Web Locks, where all connections are held", () => {
  it("a link whose uploads get no answer gives up its connection, and all tabs are served within 5 s", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    network.block("websocket")
    const { dress } = new Pool(6)
    const channels = Array.from({ length: 8 }, () => open(dress))
    await runtime.pass(1_000)
    const asked = runtime.now()
    const answers = channels.map(async (channel) => {
      await channel.request("echo", 1, { timeoutMs: 60_000 })
      return runtime.now() - asked
    })
    await runtime.pass(60_000)
    expect(Math.max(...(await Promise.all(answers)))).toBeLessThan(5_000)
    expect(transportsOf(channels)).toContain("short-poll")
  })

  it("packets that come down on their own do not hide that nothing goes up", async () => {
    openBrowser(undefined)
    const { runtime, network, hub, open } = start()
    network.block("websocket")
    const { dress } = new Pool(1)
    const channel = open((dialer) => ({ ...dress(dialer), streamed: dialer.name === "sse" }))
    const transports: unknown[] = []
    channel.onStatus(() => transports.push(channel.transport))
    for (let tick = 0; tick < 35; tick++) {
      hub.send("tick")
      await runtime.pass(100)
    }
    expect(transports).toContain("sse")
    expect(channel.transport).toBe("short-poll")
  })

  it("the transport is not held again for two minutes", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    network.block("websocket")
    const channel = open(new Pool(1).dress)
    await runtime.pass(1_000)
    expect(channel.transport).toBe("sse")
    const answer = channel.request("echo", 1)
    await runtime.pass(5_000)
    expect([await answer, channel.transport]).toEqual([1, "short-poll"])
    const transports = new Set<string | undefined>()
    channel.onStatus(() => transports.add(channel.transport))
    await runtime.pass(110_000)
    expect([channel.transport, ...transports]).toEqual(["short-poll"])
    expect(channel.explain().rungs[1]).toMatchObject({ transport: "sse", standing: "crowded" })
  })

  it("a dead network is no reason to poll: the transport that held a connection is dialed again", async () => {
    openBrowser(undefined)
    const { runtime, network, open } = start()
    network.block("websocket")
    const channel = open()
    await runtime.pass(1_000)
    network.freeze()
    const answer = channel.request("echo", 1, { timeoutMs: 60_000 })
    await runtime.pass(9_000)
    expect(channel.status).toBe("reconnecting")
    network.thaw()
    await runtime.pass(1_000)
    expect([await answer, channel.transport]).toEqual([1, "sse"])
  })
})
