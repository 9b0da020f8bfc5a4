import type { Channel, Status, StatusDetail } from "everwire"
import { HttpResponse } from "msw"
import { afterEach, describe, expect, it } from "vitest"
import { BACKOFF_BASE_MS, RETRY_AFTER_CEILING_MS } from "../../src/client/connect/backoff.ts"
import { disposeAll, nextOf } from "../support/hub-server.ts"
import { type Fault, type FaultServer, faults, startFaultServer } from "./fault-server.ts"

afterEach(disposeAll)

/** The channel's clock runs fast and the machine may be slow, so these requests have no timeout. */
const patiently = { timeoutMs: Number.POSITIVE_INFINITY }

const polling = ["long-poll", "short-poll"] as const

/** Resolves with the detail of the next status that has a closing. */
function unlinked(channel: Channel): Promise<StatusDetail> {
  return new Promise((resolve) => {
    const off = channel.onStatus((_, detail) => {
      if (detail.closing === undefined) return
      off()
      resolve(detail)
    })
  })
}

/** Sets a fault, and resolves when `count` requests have met it. */
function faultsMet(server: FaultServer, fault: Fault, count: number): Promise<void> {
  return new Promise((resolve) => {
    let met = 0
    server.fault = (request, pass) => {
      if (++met >= count) resolve()
      return fault(request, pass)
    }
  })
}

/** Waits `ms` by the channel's clock. */
function pass(server: FaultServer, ms: number): Promise<void> {
  return new Promise((resolve) => server.clock.after(ms, resolve))
}

/** The codes of all closings of links of this channel. */
function codes(channel: Channel): (string | undefined)[] {
  return channel.explain().incidents.flatMap(({ closing }) => (closing === undefined ? [] : [closing.code]))
}

describe.each(polling)("before the welcome of %s, an answer of", (transport) => {
  it.each(faults)(
    "%s closes the link with its code; messages arrive once when the fault is removed",
    async (_, answer, code) => {
      const server = startFaultServer()
      const heard: unknown[] = []
      server.hub.on("n", (data) => heard.push(data))
      server.fault = answer
      const channel = server.open({ transports: [transport] })
      channel.send("n", 1)
      const { closing } = await unlinked(channel)
      expect(closing).toMatchObject({ code, retryable: true })
      expect(channel.status).toBe("connecting")
      const { rungs, why } = channel.explain()
      expect(rungs).toEqual([
        expect.objectContaining({ transport, last: expect.objectContaining({ what: "closed", closing }) }),
      ])
      expect(why).toContain(closing?.reason)
      server.fault = undefined
      await channel.opened
      channel.send("n", 2)
      await channel.flush()
      expect(heard).toEqual([1, 2])
    },
  )
})

describe.each(polling)("in the middle of a session over %s, an answer of", (transport) => {
  it.each(faults)("%s loses, doubles and reorders no message", async (_, answer) => {
    const server = startFaultServer()
    const up: unknown[] = []
    const down: unknown[] = []
    server.hub.on("n", (data, peer) => {
      up.push(data)
      peer.send("n", data)
    })
    const channel = server.open({ transports: [transport] })
    await channel.opened
    const all = Array.from({ length: 12 }, (__, n) => n)
    const done = new Promise<void>((resolve) => {
      channel.on("n", (data) => {
        down.push(data)
        if (data === all.at(-1)) resolve()
      })
    })
    for (const n of all.slice(0, 4)) channel.send("n", n)
    await channel.flush()
    const met = faultsMet(server, answer, 2)
    for (const n of all.slice(4, 8)) channel.send("n", n)
    await met
    server.fault = undefined
    for (const n of all.slice(8)) channel.send("n", n)
    await done
    expect(up).toEqual(all)
    expect(down).toEqual(all)
  })
})

describe.each(polling)("over %s", (transport) => {
  it("an answer that is lost after the request was served is requested again, and nothing is heard twice", async () => {
    const server = startFaultServer()
    const heard: unknown[] = []
    server.hub.on("n", (data) => heard.push(data))
    const channel = server.open({ transports: [transport] })
    await channel.opened
    const lost = new Set<string>()
    server.fault = async (request, pass) => {
      const body = await request.clone().text()
      const answer = await pass()
      // Answers to hellos pass: without one the channel dials other links, more of them on a slow machine.
      if (lost.has(body) || !body.includes('"link"')) return answer
      lost.add(body)
      return HttpResponse.error()
    }
    for (let n = 0; n < 20; n++) {
      channel.send("n", n)
      expect(await channel.request("echo", n, patiently)).toBe(n)
    }
    expect(heard).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(lost.size).toBeGreaterThanOrEqual(20)
    expect(codes(channel)).toEqual([])
  })

  it("a cached answer, which names another request, is not used", async () => {
    const server = startFaultServer()
    const down: unknown[] = []
    const channel = server.open({ transports: [transport] })
    channel.on("n", (data) => down.push(data))
    server.hub.on("again", (data, peer) => peer.send("n", data))
    let cached: Response | undefined
    let served = 0
    // A cache that ignores no-store and answers every second request with its stored answer.
    server.fault = async (_, pass) => {
      if (cached !== undefined && ++served % 2 === 1) return cached.clone()
      const answer = await pass()
      cached = answer.clone()
      return answer
    }
    await channel.opened
    for (let n = 0; n < 6; n++) {
      channel.send("again", n)
      await channel.flush()
    }
    server.fault = undefined
    expect(await channel.request("echo", "end", patiently)).toBe("end")
    expect(down).toEqual([0, 1, 2, 3, 4, 5])
    expect(served).toBeGreaterThan(2)
  })

  it("a 413 makes bodies smaller until they pass, from then on; order and upload numbers are kept", async () => {
    const server = startFaultServer()
    const heard: unknown[] = []
    server.hub.on("n", (data) => heard.push((data as [number])[0]))
    const channel = server.open({ transports: [transport] })
    await channel.opened
    const LIMIT = 10_000
    let refused = 0
    server.fault = async (request, pass) => {
      if ((await request.clone().arrayBuffer()).byteLength <= LIMIT) return await pass()
      refused++
      return new HttpResponse("too large", { status: 413 })
    }
    for (let n = 0; n < 100; n++) channel.send("n", [n, "x".repeat(1_000)])
    await channel.flush()
    const before = refused
    expect(before).toBeGreaterThan(0)
    for (let n = 100; n < 200; n++) channel.send("n", [n, "x".repeat(1_000)])
    await channel.flush()
    expect(heard).toEqual(Array.from({ length: 200 }, (_, n) => n))
    // Only what was sent as one batch must be halved again; no later body has its old size.
    expect(refused).toBeLessThan(2 * before + 2)
    expect(codes(channel)).toEqual([])
  })

  it.each(["before", "after"])("Retry-After is respected, %s the welcome", async (when) => {
    const server = startFaultServer()
    const channel = server.open({ transports: [transport] })
    if (when === "after") await channel.opened
    let refusedAt = 0
    server.fault = () => {
      server.fault = undefined
      refusedAt = server.clock.now()
      return new HttpResponse("busy", { status: 503, headers: { "retry-after": "4" } })
    }
    channel.send("n", 1)
    const { closing, retryInMs } = await unlinked(channel)
    expect(closing).toMatchObject({ code: "rate-limited", retryAfterMs: 4_000 })
    expect(retryInMs).toBeGreaterThanOrEqual(4_000)
    const before = server.requests.length
    await channel.flush()
    expect((server.requests[before]?.at ?? 0) - refusedAt).toBeGreaterThanOrEqual(4_000)
  })

  it.each<[string, (now: number) => string, number]>([
    ["a date", (now) => new Date(now + 90_000).toUTCString(), 90_000],
    ["a date that is over", (now) => new Date(now - 90_000).toUTCString(), 0],
    ["a month", () => "2592000", RETRY_AFTER_CEILING_MS],
  ])("a Retry-After may be %s", async (_, retryAfter, mostMs) => {
    const server = startFaultServer()
    server.fault = () => {
      const headers = { "retry-after": retryAfter(server.clock.now()) }
      return new HttpResponse("busy", { status: 503, headers })
    }
    const { retryInMs = 0 } = await unlinked(server.open({ transports: [transport] }))
    // A date has whole seconds, and the first back-off adds up to its base.
    expect(retryInMs).toBeGreaterThan(mostMs - 2_000)
    expect(retryInMs).toBeLessThanOrEqual(mostMs + BACKOFF_BASE_MS)
  })

  it("a refusal by the hub itself closes the channel with the hub's code", async () => {
    const server = startFaultServer()
    server.fault = (request, pass) => {
      void pass
      return server.hub.fetch(new Request(request, { headers: { origin: "https://evil.test" } }))
    }
    const channel = server.open({ transports: [transport] })
    await expect(channel.opened).rejects.toMatchObject({ code: "origin-refused" })
    expect(channel.status).toBe("closed")
  })

  it("a request without an answer is aborted after a deadline, and sent again", async () => {
    const server = startFaultServer()
    const channel = server.open({ transports: [transport] })
    await channel.opened
    const met = faultsMet(server, () => new Promise(() => {}), 1)
    const answer = channel.request("echo", "late", patiently)
    await met
    server.fault = undefined
    expect(await answer).toBe("late")
  })
})

describe("with a worse transport that works", () => {
  it("a transport that a proxy refuses is reported as broken, with the reason", async () => {
    const server = startFaultServer()
    server.fault = (request, pass) =>
      request.url.endsWith("/long-poll") ? new HttpResponse("no", { status: 403 }) : pass()
    const channel = server.open({ transports: ["long-poll", "short-poll"] })
    await channel.opened
    expect(channel.transport).toBe("short-poll")
    expect(await channel.request("echo", 1, patiently)).toBe(1)
    const { why, rungs } = channel.explain()
    expect(why).toContain("long-poll")
    expect(why).toContain("403")
    expect(rungs[0]).toMatchObject({ transport: "long-poll", standing: "broken" })
  })

  it("the better transport is used again when the fault is removed, and no message is lost", async () => {
    const server = startFaultServer()
    const heard: unknown[] = []
    server.hub.on("n", (data) => heard.push(data))
    server.fault = (request, pass) =>
      request.url.endsWith("/long-poll") ? HttpResponse.html("<h1>blocked</h1>", { status: 403 }) : pass()
    const channel = server.open({ transports: ["long-poll", "short-poll"], reprobeMs: [200] })
    await channel.opened
    for (let n = 0; n < 5; n++) channel.send("n", n)
    const climbed = nextOf<Status>(
      (listener) => channel.onStatus(listener),
      () => channel.transport === "long-poll",
    )
    server.fault = undefined
    await climbed
    for (let n = 5; n < 10; n++) channel.send("n", n)
    await channel.flush()
    expect(heard).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })
})

describe("a proxy's own page", () => {
  it.each([
    ["429, seconds", 429, () => "30"],
    ["503, a date", 503, (now: number) => new Date(now + 31_000).toUTCString()],
  ])("of %s delays every transport: no request is sent before that time", async (_, status, retryAfter) => {
    const server = startFaultServer()
    server.fault = () =>
      HttpResponse.html("<h1>Slow down</h1>", { status, headers: { "retry-after": retryAfter(server.clock.now()) } })
    const channel = server.open({ transports: ["sse", "long-poll", "short-poll"] })
    const { closing, retryInMs = 0 } = await unlinked(channel)
    expect(closing?.code).toBe("rate-limited")
    expect(retryInMs).toBeGreaterThanOrEqual(29_000)
    expect(server.requests).toHaveLength(1)
    await pass(server, 25_000)
    expect(server.requests).toHaveLength(1)
    server.fault = undefined
    await channel.opened
  })

  it("with a date is read by the clock of the proxy that wrote it", async () => {
    const server = startFaultServer()
    // The channel's clock is an hour behind that of the proxy.
    const theirs = server.clock.now() + 3_600_000
    const headers = { date: new Date(theirs).toUTCString(), "retry-after": new Date(theirs + 40_000).toUTCString() }
    server.fault = () => HttpResponse.html("<h1>Slow down</h1>", { status: 503, headers })
    const { closing } = await unlinked(server.open({ transports: ["long-poll"] }))
    expect(closing?.retryAfterMs).toBe(40_000)
  })
})

describe("a captive portal", () => {
  it.each(["before the first welcome", "in the middle of the talk"])(
    "that stops interfering, %s: the channel is back within 5 s",
    async (when) => {
      const server = startFaultServer()
      const channel = server.open({ transports: ["long-poll", "short-poll"] })
      if (when === "in the middle of the talk") await channel.opened
      server.fault = () => HttpResponse.html("<h1>Please log in</h1>")
      channel.send("n", 1)
      // Long enough for the back-off to reach its maximum.
      await pass(server, 60_000)
      expect(channel.status).not.toBe("open")
      expect(channel.explain().why).toMatch(/long-poll .*\(a web page came instead of an answer/)
      const isBack = nextOf<Status>(
        (listener) => channel.onStatus(listener),
        (status) => status === "open",
      )
      server.fault = undefined
      const freeAt = server.clock.now()
      await isBack
      expect(server.clock.now() - freeAt).toBeLessThan(5_000)
    },
  )
})

describe("the first request of sse", () => {
  it.each(faults)("that is answered with %s closes the link with its code", async (_, answer, code) => {
    const server = startFaultServer()
    server.fault = answer
    const channel = server.open({ transports: ["sse"] })
    expect((await unlinked(channel)).closing).toMatchObject({ code, retryable: true })
  })
})
