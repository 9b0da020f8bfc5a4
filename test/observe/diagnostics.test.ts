import { AsyncLocalStorage } from "node:async_hooks"
import {
  channel as channelOf,
  subscribe,
  type TracingChannelSubscribers,
  tracingChannel,
  unsubscribe,
} from "node:diagnostics_channel"
import { channelDiagnostics, hubDiagnostics } from "everwire/diagnostics"
import { createHub } from "everwire/node"
import type { HubObserver } from "everwire/server"
import { createDuo, type Duo, expectDelivered } from "everwire/testing"
import { describe, expect, it, onTestFinished } from "vitest"
import { HUB_OBSERVER } from "../../src/server/observer.ts"

/** Subscribes to these channels for one test, and writes down what is published. */
function listen(...names: string[]): [name: string, event: Record<string, unknown>][] {
  const heard: [string, Record<string, unknown>][] = []
  for (const name of names) {
    const hear = (event: unknown): void => void heard.push([name, { ...(event as object) }])
    subscribe(name, hear)
    onTestFinished(() => void unsubscribe(name, hear))
  }
  return heard
}

const open = (serve: (hub: Duo["hub"]) => void = () => {}): Promise<Duo> =>
  createDuo({ transports: ["websocket"], hub: { observer: hubDiagnostics }, serve })

/** The name of the channel for an event of `HubObserver`. */
const nameOf = (event: string): string =>
  `everwire:hub:${event.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

describe("a hub publishes on Node's diagnostics channels", () => {
  it.each(Object.keys(HUB_OBSERVER).filter((name) => name !== "aroundRequest"))(
    "%s, if it is subscribed to",
    (event) => {
      const name = event as keyof HubObserver
      expect(hubDiagnostics[name]).toBeUndefined()
      const heard = listen(nameOf(event))
      const published = { hub: "h", peer: "p" }
      ;(hubDiagnostics[name] as ((event: object) => void) | undefined)?.(published)
      expect(heard).toEqual([[nameOf(event), published]])
    },
  )

  it("what happens in it, with the id of the hub", async () => {
    const heard = listen("everwire:hub:link-attached", "everwire:hub:link-lost")
    const duo = await open()
    duo.network.cut()
    await duo.runtime.pass(1_000)
    const ids = { hub: duo.hub.id, peer: duo.peer.id }
    expect(heard).toEqual([
      ["everwire:hub:link-attached", { ...ids, transport: "websocket", from: undefined, resumed: false }],
      ["everwire:hub:link-lost", { ...ids, transport: "websocket", code: "network" }],
      ["everwire:hub:link-attached", { ...ids, transport: "websocket", from: undefined, resumed: true }],
    ])
  })

  it("without being asked to, if it is a hub of everwire/node, beside the application's own observer", async () => {
    const heard = listen("everwire:hub:closing")
    const told: unknown[] = []
    const hub = createHub({ observer: { closing: (event) => void told.push(event) } })
    await hub.close()
    expect(heard).toEqual([["everwire:hub:closing", { hub: hub.id, sessions: 0, drainMs: 0 }]])
    expect(told).toEqual([{ hub: hub.id, sessions: 0, drainMs: 0 }])
  })
})

describe("a request is traced", () => {
  /** What the tracing channel publishes while a handler answers, and the objects that it publishes. */
  async function trace(handler: () => unknown): Promise<{ order: string[]; objects: Set<unknown>; answer: unknown }> {
    const order: string[] = []
    const objects = new Set<unknown>()
    const hearAs = (name: string) => (event: unknown) => {
      order.push(name)
      objects.add(event)
    }
    const [start, end, asyncStart, asyncEnd, error] = ["start", "end", "asyncStart", "asyncEnd", "error"].map(hearAs)
    const hear = { start, end, asyncStart, asyncEnd, error } as TracingChannelSubscribers<object>
    const traced = tracingChannel("everwire:hub:request")
    traced.subscribe(hear)
    onTestFinished(() => void traced.unsubscribe(hear))
    const duo = await open((hub) => {
      hub.handle("ask", handler)
      hub.onError(() => {})
    })
    const asked = duo.channel.request("ask").catch(({ code }) => code)
    await expectDelivered(duo)
    return { order, objects, answer: await asked }
  }

  it("in the order of Node's tracing channels, with one object for all", async () => {
    const { order, objects, answer } = await trace(async () => {
      await Promise.resolve()
      return "the answer"
    })
    expect([order, answer]).toEqual([["start", "end", "asyncStart", "asyncEnd"], "the answer"])
    expect(objects.size).toBe(1)
    expect([...objects]).toMatchObject([{ name: "ask", hub: expect.any(String), peer: expect.any(String) }])
    expect(JSON.stringify([...objects])).not.toContain("the answer")
  })

  it("without the asynchronous part, if the handler is synchronous", async () => {
    expect(await trace(() => 1)).toMatchObject({ order: ["start", "end"], answer: 1 })
  })

  it("with the error of a handler that throws, or rejects", async () => {
    const error = new Error("mine")
    const thrown = await trace(() => {
      throw error
    })
    expect([thrown.order, thrown.answer]).toEqual([["start", "error", "end"], "request-failed"])
    expect([...thrown.objects]).toMatchObject([{ error }])
    const rejected = await trace(() => Promise.reject(error))
    expect(rejected.order).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"])
    expect([...rejected.objects]).toMatchObject([{ error }])
  })

  it("and its handler runs with the stores that are bound to its start", async () => {
    const storage = new AsyncLocalStorage<unknown>()
    const start = channelOf("tracing:everwire:hub:request:start")
    start.bindStore(storage, (event) => (event as { name: string }).name)
    onTestFinished(() => void start.unbindStore(storage))
    const duo = await open((hub) => hub.handle("ask", async () => storage.getStore()))
    const asked = duo.channel.request("ask")
    await expectDelivered(duo)
    expect(await asked).toBe("ask")
  })
})

describe("a channel publishes on Node's diagnostics channels", () => {
  it("its status, its incidents and its resets, without what messages carry", async () => {
    const heard = listen("everwire:channel:status", "everwire:channel:incident", "everwire:channel:reset")
    const duo = await open()
    const { channel, runtime } = duo
    const off = channelDiagnostics(channel)
    const before = channel.peerId
    channel.send("say", "the payload")
    await runtime.pass(5)
    duo.crashHub()
    duo.startHub()
    await runtime.passUntil(() => channel.peerId !== before, 10_000)
    const of = (name: string): object[] => heard.filter(([heardName]) => heardName === name).map(([, event]) => event)
    expect(of("everwire:channel:status")).toMatchObject([
      { peer: before, status: "reconnecting", transport: undefined, closing: { code: "network" }, retryInMs: 0 },
      { peer: before, status: "reconnecting", closing: { code: "session-unknown" } },
      { peer: channel.peerId, status: "open", transport: "websocket", closing: undefined, retryInMs: undefined },
    ])
    const [reset] = of("everwire:channel:reset")
    expect(reset).toMatchObject({ closing: { code: "session-unknown" }, uncertain: 1 })
    const incidents = of("everwire:channel:incident")
    expect(incidents[0]).toMatchObject({ peer: before, what: "closed", closing: { code: "network" } })
    expect(incidents[1]).toMatchObject({ peer: before, what: "dialed", transport: "websocket" })
    expect(incidents.at(-1)).toMatchObject({ peer: channel.peerId, what: "took-over" })
    expect(JSON.stringify(heard)).not.toContain("the payload")
    off()
    const { length } = heard
    duo.network.cut()
    await runtime.pass(1_000)
    expect(channel.status).toBe("open")
    expect(heard.length).toBe(length)
  })
})
