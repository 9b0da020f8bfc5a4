import { createChannel, type Dialer, type Link, type LinkSink } from "everwire"
import { createHub } from "everwire/server"
import { createNetwork, createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Session } from "../../src/session/session.ts"
import { type Batch, decodeBatch } from "../../src/wire/batch.ts"
import { type Hello, readBye, readHello, readWelcome, type Welcome, writeHello } from "../../src/wire/handshake.ts"

const TOKEN = "a".repeat(22)
const HELLO: Hello = { v: 1, id: TOKEN, key: TOKEN, heard: 0, acked: 0, turn: 1, holder: TOKEN }

/** A list with entries that no feature would have as a name, and the known names "haste" and "streams" among them. */
const STRANGE = [7, null, "", "x".repeat(999), { length: 1 }, "haste", ["streams"], "haste"]

afterEach(() => vi.restoreAllMocks())

describe("a hub", () => {
  it("answers a hello that names no features with a welcome that names none", () => {
    const said = greet(["haste", "streams"], {})
    expect(said[0]).toMatch(/^w/)
    expect(said[0]).not.toContain("features")
  })

  it("that has no features names none, whatever the hello names", () => {
    expect(greet(undefined, { features: ["haste"] })[0]).not.toContain("features")
  })

  it.each<[string, unknown, unknown]>([
    ["what both can do", ["haste", "streams"], ["haste", "streams"]],
    ["what it knows of them", ["haste", "unheard-of"], ["haste"]],
    ["what it knows, among what is no name", STRANGE, ["haste"]],
    ["nothing, where it knows none of them", ["unheard-of"], undefined],
    ["nothing, where there is no name", [], undefined],
    ["nothing, where there is no list: a text", "haste", undefined],
    ["nothing, where there is no list: an object", { haste: true, length: 1, 0: "haste" }, undefined],
    ["nothing, where there is no list: null", null, undefined],
    ["nothing, where there is no list: a number", 1, undefined],
  ])("names %s", (_, named, answered) => {
    const welcome = readWelcome(greet(["haste", "streams"], { features: named })[0] ?? "")
    expect(welcome.features).toEqual(answered)
  })

  it("lets its session ask whether a feature is on, and keeps that answer for the life of the session", () => {
    const agree = vi.spyOn(Session.prototype, "agree")
    const said = greet(["haste", "streams"], { features: ["streams"] }, (again) =>
      again({ features: ["haste"], turn: 2 }),
    )
    expect(said.filter((packet) => packet.startsWith("w")).map((packet) => readWelcome(packet).features)).toEqual([
      ["streams"],
      ["streams"],
    ])
    expect((agree.mock.contexts[0] as Session).settings.features).toEqual(["streams"])
  })

  it("ends a link on which a packet of a feature arrives that is not on", () => {
    const said = greet(["haste"], {}, (_, send) => send("zhaste"))
    expect(readBye(said.at(-1) ?? "").why.code).toBe("protocol-error")
  })
})

describe("a channel", () => {
  it("names no features in its hello where it has none", () => {
    expect(dial(undefined).hellos[0]).not.toContain("features")
  })

  it("names its features in its hello", () => {
    expect(readHello(dial(["haste", "streams"]).hellos[0] ?? "").features).toEqual(["haste", "streams"])
  })

  it.each<[string, unknown, unknown]>([
    ["what the welcome names", ["streams"], ["streams"]],
    ["nothing that it has not named itself", ["streams", "unheard-of"], ["streams"]],
    ["what it knows, among what is no name", STRANGE, ["haste"]],
    ["nothing, where the welcome names none", undefined, undefined],
    ["nothing, where the welcome names no list", "streams", undefined],
    ["nothing, where the welcome names null", null, undefined],
  ])("turns on %s, and names that in its next hello", (_, named, on) => {
    const { hellos, session, cut } = dial(["haste", "streams"], { features: named })
    expect(session()?.settings.features).toEqual(on)
    cut()
    expect(hellos).toHaveLength(2)
    expect(readHello(hellos[1] ?? "").features).toEqual(on)
    expect(hellos[1]?.includes("features")).toBe(on !== undefined)
  })

  it.each(["zhaste", "u1"])(
    "ends a link on which %s of a feature arrives that is not on, and dials again",
    (packet) => {
      const { hellos, send, closings } = dial(["haste"])
      send(packet)
      expect(closings).toEqual(["protocol-error"])
      expect(hellos).toHaveLength(2)
    },
  )
})

/** Returns the packets that a hub with these features sends on the links of one channel. */
function greet(
  features: readonly string[] | undefined,
  fields: object,
  more?: (again: (fields: object) => void, send: (packet: string) => void) => void,
): string[] {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  createHub({ runtime, transports: [network.acceptor("wire")], features })
  const said: string[] = []
  let link: Link | undefined
  const sink: LinkSink = {
    batch: (batch) => said.push(...decodeBatch(batch).map(String)),
    closed() {},
    writable() {},
  }
  const send = (packet: string): void => {
    link?.send(packet)
    runtime.advance(100)
  }
  const again = (fields: object): void => {
    link = network.dialer("wire").dial(targetOf(runtime), sink)
    send(writeHello({ ...HELLO, ...fields }))
  }
  again(fields)
  more?.(again, send)
  return said
}

function targetOf(runtime: VirtualRuntime): Parameters<Dialer["dial"]>[0] {
  return { url: "http://hub", runtime, platform: {}, withCredentials: false, holdMs: 25_000, learnHold() {} }
}

/** Dials with a channel that has these features; its first link is answered with a welcome of these fields. */
function dial(
  features: readonly string[] | undefined,
  fields: object = {},
): {
  hellos: readonly string[]
  closings: readonly string[]
  session(): Session | undefined
  send(batch: Batch): void
  cut(): void
} {
  const agree = vi.spyOn(Session.prototype, "agree")
  const runtime = createVirtualRuntime()
  const hellos: string[] = []
  const closings: string[] = []
  const sinks: LinkSink[] = []
  const wire: Dialer = {
    name: "wire",
    supported: () => true,
    dial(_, sink) {
      sinks.push(sink)
      return {
        name: "wire",
        bufferedBytes: 0,
        send: (batch) =>
          hellos.push(
            ...decodeBatch(batch)
              .map(String)
              .filter((packet) => packet.startsWith("h")),
          ),
        close: ({ code }) => closings.push(code),
      }
    },
  }
  createChannel("http://hub", { runtime, store: null, transports: [wire], features })
  runtime.advance(10)
  const welcome: Welcome = {
    v: 1,
    peer: "peer",
    hub: "hub",
    heard: 0,
    attached: true,
    resumed: false,
    speakMs: 20_000,
    patienceMs: 30_000,
    resumeMs: 120_000,
    maxPayloadBytes: 1_048_576,
  }
  const send = (batch: Batch): void => sinks.at(-1)?.batch(batch)
  send(`w${JSON.stringify({ ...welcome, ...fields })}`)
  return {
    hellos,
    closings,
    session: () => agree.mock.contexts[0] as Session | undefined,
    send,
    cut() {
      sinks.at(-1)?.closed({ code: "network", reason: "cut", retryable: true })
      runtime.advance(1_000)
    },
  }
}
