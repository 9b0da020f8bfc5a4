import { type Channel, createChannel, type Platform } from "everwire"
import { createHub, type Hub, type WebHubOptions } from "everwire/server"
import { afterEach, describe, expect, it } from "vitest"
import { createRuntime, disposeAll, nextOf, onDispose } from "../../support/hub-server.ts"

afterEach(disposeAll)

const ORIGIN = "https://hub.example"

function startHub(options: WebHubOptions = {}): Hub {
  const hub = createHub(options)
  hub.handle("echo", (data) => data)
  onDispose(() => hub.close())
  return hub
}

/** A platform without a network: its fetch calls the hub's fetch. */
function inMemory(hub: Hub): Platform {
  return {
    fetch: (url, init) => hub.fetch(new Request(url, { ...init, credentials: "omit" })),
  }
}

function post(body: string | Uint8Array<ArrayBuffer> | ReadableStream, headers: Record<string, string> = {}): Request {
  return new Request(`${ORIGIN}/everwire/long-poll`, {
    method: "POST",
    body,
    headers,
    ...(body instanceof ReadableStream && { duplex: "half" }),
  })
}

describe.each(["long-poll", "short-poll"] as const)("hub.fetch carries %s without a socket:", (transport) => {
  it("messages, requests and bytes, both ways", async () => {
    const hub = startHub()
    hub.on("up", (data, peer) => peer.send("down", data))
    const channel = createChannel(ORIGIN, { transports: [transport], platform: inMemory(hub) })
    onDispose(() => channel.close())
    const down = nextOf<unknown>((listener) => channel.on("down", listener))
    channel.send("up", { text: "€ 🚢" })
    expect(await down).toEqual({ text: "€ 🚢" })
    expect(await channel.request("echo", Uint8Array.of(0, 255))).toEqual(Uint8Array.of(0, 255))
    expect(channel.transport).toBe(transport)
  })

  it("the close of the hub reaches the channel", async () => {
    const hub = startHub()
    const channel = createChannel(ORIGIN, { transports: [transport], platform: inMemory(hub) })
    onDispose(() => channel.close())
    await channel.opened
    const status = nextOf<string>((listener) => channel.onStatus(listener))
    await hub.close()
    expect(await status).toBe("reconnecting")
  })
})

describe("hub.fetch", () => {
  it("streams sse, and ends the link when the reader cancels", async () => {
    const hub = startHub()
    const id = createRuntime().id
    const hello = `h${JSON.stringify({ v: 1, id: id(), key: id(), heard: 0, acked: 0, turn: 1 })}`
    const url = `${ORIGIN}/everwire/sse`
    const answer = await hub.fetch(new Request(url, { method: "POST", body: `@{"up":1}\n${hello}` }))
    const { ticket } = JSON.parse((await answer.text()).slice(1)) as { ticket: string } // sse's answer has one.
    const stream = await hub.fetch(new Request(`${url}?ticket=${ticket}`))
    expect(stream.headers.get("content-type")).toBe("text/event-stream")
    expect(stream.headers.get("cache-control")).toContain("no-store")
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader()
    const read = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value)
    expect(await read()).toMatch(/^data:w\{/)
    const [peer] = [...hub.peers.values()]
    peer?.send("news", { text: "a\u2028b" })
    expect(await read()).toBe('data:n1\ndata:mnews\t{"text":"a\u2028b"}\n\n')
    expect(peer?.connected).toBe(true)
    await reader.cancel()
    expect(peer?.connected).toBe(false)
  })

  it("passes the address that it is given to authenticate and to the limits", async () => {
    const hub = startHub({ limits: { maxSessionsPerAddress: 1 } })
    const fetchFrom =
      (address: string): NonNullable<Platform["fetch"]> =>
      (url, init) =>
        hub.fetch(new Request(url, { ...init, credentials: "omit" }), address)
    const from = (address: string): Channel => {
      const channel = createChannel(ORIGIN, { transports: ["long-poll"], platform: { fetch: fetchFrom(address) } })
      onDispose(() => channel.close())
      return channel
    }
    await from("192.0.2.1").opened
    await from("192.0.2.2").opened
    expect([...hub.peers.values()].map(({ address }) => address)).toEqual(["192.0.2.1", "192.0.2.2"])
    const refused = from("192.0.2.1")
    const closing = await new Promise((resolve) => refused.onStatus((_, detail) => resolve(detail.closing)))
    expect(closing).toMatchObject({ code: "over-capacity" })
  })

  it("answers 404 for paths that are not the hub's, also for the root", async () => {
    const hub = startHub()
    for (const path of ["/", "/about", "/everwire", "/everwirex/sse", "/constructor"]) {
      expect((await hub.fetch(new Request(ORIGIN + path))).status).toBe(404)
    }
  })

  it("has no WebSocket: 404", async () => {
    expect((await startHub().fetch(new Request(`${ORIGIN}/everwire/websocket`))).status).toBe(404)
  })

  it("answers a body that is too large with 413 and stops reading it", async () => {
    let cancelled = false
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => {
        cancelled = true
      },
    })
    const answer = await startHub().fetch(post(endless))
    expect(answer.status).toBe(413)
    expect(cancelled).toBe(true)
  })

  it("answers a body that never ends with 408 after 15 s", async () => {
    let ring = (): void => {}
    const runtime = createRuntime({
      after: (delayMs, run) => {
        if (delayMs === 15_000) ring = run
        return () => {}
      },
    })
    const hub = startHub({ runtime })
    const answer = hub.fetch(post(new ReadableStream({ pull: () => new Promise(() => {}) })))
    ring()
    expect((await answer).status).toBe(408)
  })

  it("answers a body that breaks off with 400", async () => {
    const broken = new ReadableStream({
      pull: (controller) => controller.error(new Error("gone")),
    })
    expect((await startHub().fetch(post(broken))).status).toBe(400)
  })

  it("says what to do when the body was read before, and reports it once", async () => {
    const hub = startHub()
    const errors: unknown[] = []
    hub.onError((error) => errors.push(error))
    for (const read of [(request: Request) => request.text(), (request: Request) => request.body?.getReader()]) {
      const request = post("@{}")
      await read(request)
      const answer = await hub.fetch(request)
      expect(answer.status).toBe(400)
      expect(await answer.text()).toContain("request.clone()")
    }
    expect(errors).toEqual([expect.objectContaining({ code: "misuse" })])
  })

  it("answers an empty body, garbage and bytes that are not text with 400", async () => {
    const hub = startHub()
    for (const request of [
      new Request(`${ORIGIN}/everwire/long-poll`, { method: "POST" }),
      post("garbage"),
      post(Uint8Array.of(0x40, 0xff)),
      post(Uint8Array.of(1), { "content-type": "application/octet-stream" }),
    ]) {
      expect((await hub.fetch(request)).status).toBe(400)
    }
  })
})

describe("CORS in hub.fetch", () => {
  const preflight = (origin: string): Request =>
    new Request(`${ORIGIN}/everwire/long-poll`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    })
  const corsOf = ({ headers }: Response): Record<string, string> =>
    Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control") || name === "vary"))

  it("answers the preflight of an allowed origin: with credentials, and cached for two hours", async () => {
    const hub = startHub({ origins: ["https://app.example"] })
    const answer = await hub.fetch(preflight("https://app.example"))
    expect(answer.status).toBe(204)
    expect(corsOf(answer)).toEqual({
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "POST, GET",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "7200",
      vary: "Origin",
    })
  })

  it("lets the page read every answer, also errors", async () => {
    const hub = startHub({ origins: ["https://app.example"] })
    const headers = { origin: "https://app.example" }
    for (const request of [
      post("garbage", headers),
      post('@{"link":"nobody"}', headers),
      new Request(`${ORIGIN}/everwire/pigeon`, { headers }),
      new Request(`${ORIGIN}/everwire/long-poll`, { method: "DELETE", headers }),
    ]) {
      const answer = await hub.fetch(request)
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.headers.get("access-control-allow-origin")).toBe("https://app.example")
    }
  })

  it("allows every page without credentials, where the application says so", async () => {
    const answer = await startHub({ origins: "*" }).fetch(preflight("https://any.example"))
    expect(corsOf(answer)).toMatchObject({ "access-control-allow-origin": "*" })
    expect(answer.headers.has("access-control-allow-credentials")).toBe(false)
  })

  it("sends no CORS header to an origin that is not allowed", async () => {
    const answer = await startHub({ origins: ["https://app.example"] }).fetch(preflight("https://evil.example"))
    expect(answer.status).toBe(403)
    expect(corsOf(answer)).toEqual({})
  })

  it("recognises its own host", async () => {
    expect((await startHub().fetch(preflight(ORIGIN))).status).toBe(204)
    expect((await startHub().fetch(preflight("null"))).status).toBe(403)
  })
})
