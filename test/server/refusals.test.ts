import { createHub, type Hub, type Refusal, type WebHubOptions } from "everwire/server"
import { describe, expect, it } from "vitest"
import { bodyOf, envelopeOf, hello } from "../hostile/attack.ts"
import { type Clock, createClock } from "../hostile/clock.ts"
import { createRuntime } from "../support/hub-server.ts"

const URL_OF_HUB = "http://hub.example/everwire"
const ADDRESS = "203.0.113.7"

interface Door {
  readonly hub: Hub
  readonly clock: Clock
  readonly refusals: Refusal[]
  /** Sends this body to a transport and returns the status of the answer. */
  post(body: string, headers?: Record<string, string>, transport?: string): Promise<Response>
}

function openDoor(options: WebHubOptions = {}): Door {
  const clock = createClock()
  const hub = createHub({ runtime: clock.runtime, ...options })
  const refusals: Refusal[] = []
  hub.onRefused((refusal) => refusals.push(refusal))
  return {
    hub,
    clock,
    refusals,
    post: (body, headers = {}, transport = "long-poll") =>
      hub.fetch(new Request(`${URL_OF_HUB}/${transport}`, { method: "POST", body, headers }), ADDRESS),
  }
}

const greeting = (fields: Record<string, unknown> = {}): string => bodyOf({ up: 1, poll: 1 }, hello(fields))

describe("hub.onRefused hears of", () => {
  it.each<[title: string, options: WebHubOptions, refuse: (door: Door) => unknown, refusal: Partial<Refusal>]>([
    [
      "a foreign origin",
      {},
      ({ post }) => post(greeting(), { origin: "https://evil.example" }),
      { code: "origin-refused", stage: "request", origin: "https://evil.example" },
    ],
    [
      "cookies without an origin",
      {},
      ({ post }) => post(greeting(), { cookie: "a=b" }),
      { code: "origin-refused", stage: "request", origin: undefined },
    ],
    [
      "a transport that is not offered",
      {},
      ({ post }) => post("", {}, "pigeon"),
      { code: "refused", transport: "pigeon" },
    ],
    ["a body that is garbage", {}, ({ post }) => post("garbage"), { code: "protocol-error", stage: "request" }],
    [
      "a body that is too large",
      { maxPayloadBytes: 1_000 },
      ({ post }) => post("x".repeat(2_000_000)),
      { code: "too-large", stage: "request" },
    ],
    [
      "a hello that is too large",
      {},
      ({ post }) => post(greeting({ auth: "x".repeat(16_500) })),
      { code: "too-large", stage: "hello" },
    ],
    [
      "a hello that is none",
      {},
      ({ post }) => post(bodyOf({ up: 1, poll: 1 }, "p1")),
      { code: "protocol-error", stage: "hello" },
    ],
    ["another version", {}, ({ post }) => post(greeting({ v: 2 })), { code: "version-unsupported", stage: "hello" }],
    [
      "credentials",
      { authenticate: () => null },
      ({ post }) => post(greeting(), { origin: "http://hub.example" }),
      { code: "unauthorized", stage: "authenticate", origin: "http://hub.example" },
    ],
    [
      "credentials that were not judged in time",
      { authenticate: () => new Promise<null>(() => {}) },
      async ({ post, clock }) => {
        void post(greeting())
        await new Promise(setImmediate)
        clock.advance(6_000)
      },
      { code: "hello-timeout", stage: "authenticate" },
    ],
    [
      "a session of somebody else",
      {},
      async ({ post }) => {
        await post(greeting({ id: "session-0123456789abcdef" }))
        await post(greeting({ id: "session-0123456789abcdef", key: "another-key-0123456789ab" }))
      },
      { code: "session-forbidden", stage: "hello" },
    ],
    [
      "a session that is not known",
      {},
      ({ post }) => post(greeting({ heard: 5 })),
      { code: "session-unknown", stage: "hello" },
    ],
    [
      "too many sessions",
      { limits: { maxSessions: 0 } },
      ({ post }) => post(greeting()),
      { code: "over-capacity", stage: "hello" },
    ],
    [
      "too many sessions of one address",
      { limits: { maxSessionsPerAddress: 0 } },
      ({ post }) => post(greeting()),
      { code: "over-capacity", reason: "too many sessions from this address" },
    ],
    [
      "whoever comes when the hub closes",
      {},
      async ({ hub, post }) => {
        await hub.close()
        await post(greeting())
      },
      { code: "hub-closing", stage: "hello" },
    ],
    [
      "a link that is not known",
      {},
      ({ post }) => post(bodyOf({ link: "nobody's", up: 2 }, "p1")),
      { code: "link-unknown", stage: "request" },
    ],
    [
      "a method that is not understood",
      {},
      ({ hub }) => hub.fetch(new Request(`${URL_OF_HUB}/long-poll`, { method: "PUT" }), ADDRESS),
      { code: "refused", stage: "request" },
    ],
    [
      "what a session may not say",
      {},
      async ({ post }) => {
        const { link } = envelopeOf({ body: await (await post(greeting())).text() } as Parameters<typeof envelopeOf>[0])
        await post(bodyOf({ link, up: 2 }, "?"))
      },
      { code: "protocol-error", stage: "session", origin: undefined },
    ],
  ])("%s", async (_, options, refuse, refusal) => {
    const door = openDoor(options)
    await refuse(door)
    await new Promise(setImmediate)
    expect(door.refusals).toEqual([expect.objectContaining({ transport: "long-poll", address: ADDRESS, ...refusal })])
    expect(door.refusals[0]?.reason).not.toBe("")
    // A slow `authenticate` is the application's own fault, so `onError` hears of it too.
    const isSlow = refusal.code === "hello-timeout"
    expect(door.clock.runtime.reported).toEqual(isSlow ? [expect.objectContaining({ code: "timeout" })] : [])
    expect(door.clock.runtime.warned).toEqual([])
    await door.hub.close()
  })

  it.each<[title: string, headers: Record<string, string>, refusal: Partial<Refusal>]>([
    [
      "a foreign origin",
      { origin: "https://evil.example" },
      { code: "origin-refused", origin: "https://evil.example" },
    ],
    ["a hub without WebSockets", {}, { code: "refused" }],
  ])("an upgrade that is refused: %s", (_, headers, refusal) => {
    const { hub, refusals } = openDoor()
    const header = (name: string): string | undefined => headers[name]
    const verdict = hub.upgrade("/everwire/websocket", { header, address: ADDRESS })
    expect(verdict).toHaveProperty("refusal.code", refusal.code)
    expect(refusals).toEqual([
      expect.objectContaining({ stage: "upgrade", transport: "websocket", address: ADDRESS, ...refusal }),
    ])
  })

  it("every refused client, also when a listener closes the hub or throws", async () => {
    const door = openDoor({ limits: { maxSessions: 0 } })
    const errors: unknown[] = []
    door.hub.onError((error) => errors.push(error))
    door.hub.onRefused(() => {
      void door.hub.close()
      throw new Error("broken")
    })
    await door.post(greeting())
    await door.post(greeting())
    expect(door.refusals.map(({ code }) => code)).toEqual(["over-capacity", "hub-closing"])
    expect(errors).toEqual([
      expect.objectContaining({ message: "broken" }),
      expect.objectContaining({ message: "broken" }),
    ])
  })

  it("no client that was admitted, and of nothing after the listener was removed", async () => {
    const { hub, post, refusals } = openDoor()
    await post(greeting())
    const later: Refusal[] = []
    hub.onRefused((refusal) => later.push(refusal))()
    await post("garbage")
    expect(refusals).toHaveLength(1)
    expect(later).toEqual([])
    await hub.close()
  })
})

describe("refusals without a listener", () => {
  const open = (
    options: WebHubOptions = {},
  ): { hub: Hub; warned: readonly string[]; fetch: (init: RequestInit) => Promise<Response> } => {
    const runtime = createRuntime()
    const hub = createHub({ runtime, ...options })
    return {
      hub,
      warned: runtime.warned,
      fetch: (init) => hub.fetch(new Request(`${URL_OF_HUB}/long-poll`, { method: "POST", ...init }), ADDRESS),
    }
  }

  it("the first refusal of each code logs a warning that says what to do", async () => {
    const { warned, fetch } = open({ authenticate: () => null })
    for (const n of [1, 2, 3]) {
      await fetch({ headers: { origin: `https://evil-${n}.example` } })
      await fetch({ body: greeting() })
    }
    expect(warned).toHaveLength(2)
    expect(warned[0]).toContain("origin-refused")
    expect(warned[0]).toContain("https://evil-1.example")
    expect(warned[0]).toContain("hub.example")
    expect(warned[0]).toContain('"origins"')
    expect(warned[1]).toContain("unauthorized")
    expect(warned[1]).toContain(ADDRESS)
  })

  it("refusals that are normal in restarts and while transports are tried log no warning", async () => {
    const { hub, warned, fetch } = open()
    await fetch({ body: greeting({ heard: 5 }) })
    await hub.fetch(new Request(`${URL_OF_HUB}/websocket`))
    await hub.close()
    await fetch({ body: greeting() })
    expect(warned).toEqual([])
  })

  it("a client cannot write a line of its own into the log, nor a long one", async () => {
    const { warned, fetch } = open()
    await fetch({ headers: { origin: `https://${"x".repeat(5_000)}` } })
    expect(warned[0]?.length).toBeLessThan(1_000)
    expect(warned[0]).not.toMatch(/[^ -~]/)
  })
})

describe("the cap of sessions per address", () => {
  const cap = 1_000
  const fill = async (options: WebHubOptions, addressOf: (n: number) => string, headers = {}): Promise<string[]> => {
    const runtime = createRuntime()
    const hub = createHub({ runtime, ...options })
    const refused: string[] = []
    hub.onRefused(({ reason }) => refused.push(reason))
    for (let n = 0; n <= cap; n++) {
      const request = new Request(`${URL_OF_HUB}/short-poll`, { method: "POST", body: greeting(), headers })
      await hub.fetch(request, addressOf(n))
    }
    await hub.close()
    return refused
  }

  it.each([
    "127.0.0.1",
    "::1",
    "::ffff:127.0.0.1",
    "10.0.0.3",
    "172.20.0.1",
    "192.168.1.1",
    "169.254.1.1",
    "100.64.0.9",
    "fd00::1",
  ])("is not reached behind a proxy at %s", async (address) => {
    expect(await fill({}, () => address)).toEqual([])
  })

  it.each<[title: string, options: WebHubOptions, addressOf: (n: number) => string, headers?: Record<string, string>]>([
    ["one address of the internet", {}, () => "203.0.113.7"],
    ["one network of IPv6, whichever of its addresses", {}, (n) => `2001:db8:0:1::${n.toString(16)}`],
    [
      "one client of a proxy that is believed",
      { trustProxy: 1 },
      () => "10.0.0.3",
      { "x-forwarded-for": "203.0.113.7" },
    ],
    ["a private network, where a number was given", { limits: { maxSessionsPerAddress: cap } }, () => "10.0.0.3"],
  ])("is reached by %s", async (_, options, addressOf, headers) => {
    expect(await fill(options, addressOf, headers)).toEqual(["too many sessions from this address"])
  })
})

describe("a proxy that the options do not name", () => {
  const knock = async (options: WebHubOptions, address: string): Promise<readonly string[]> => {
    const runtime = createRuntime()
    const hub = createHub({ runtime, ...options })
    for (const client of ["1.1.1.1", "2.2.2.2"]) {
      const headers = { "x-forwarded-for": client }
      const request = new Request(`${URL_OF_HUB}/short-poll`, { method: "POST", body: greeting(), headers })
      await hub.fetch(request, address)
    }
    await hub.close()
    return runtime.warned
  }

  it("is reported once", async () => {
    expect(await knock({}, "127.0.0.1")).toEqual([expect.stringMatching(/a proxy seems to be in front.*trustProxy/)])
  })

  it("is not guessed from a client's headers, nor where the application has set trustProxy", async () => {
    expect(await knock({}, "203.0.113.7")).toEqual([])
    expect(await knock({ trustProxy: false }, "127.0.0.1")).toEqual([])
    expect(await knock({ trustProxy: "loopback" }, "127.0.0.1")).toEqual([])
  })
})

describe("the hub's path", () => {
  it.each<[path: string, asked: string, isFound: boolean]>([
    ["/live", "/live/sse", true],
    ["/live", "/Live/sse", false],
    ["/a/b.c", "/a/b.c/sse", true],
    ["/café", "/caf%C3%A9/sse", true],
    ["/caf%c3%a9", "/caf%C3%A9/sse", true],
    ["/my chat", "/my%20chat/sse", true],
    ["/~chat", "/%7Echat/sse", true],
    ["/a%2Fb", "/a%2Fb/sse", true],
    ["/a/b", "/a%2Fb/sse", false],
    ["/100%", "/100%/sse", true],
    ["/live", "/live%2Fsse", false],
  ])("%s is, for a request to %s: %s", async (path, asked, isFound) => {
    const hub = createHub({ path, runtime: createRuntime() })
    const request = new Request(`http://hub.example${asked}`, { method: "OPTIONS" })
    expect((await hub.fetch(request)).status).toBe(isFound ? 204 : 404)
  })

  it.each([
    "",
    "/",
    "//",
    "live",
    "/live/",
    "//live",
    "/live?x",
    "/live#x",
    "/a/../b",
    "/a/%2e%2e/b",
    "/.",
    "a\\b",
    "/a\\b",
  ])("cannot be %o", (path) => {
    expect(() => createHub({ path })).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})
