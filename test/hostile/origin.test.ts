import type { NodeHubOptions } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { disposeAll, transports } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { ask, bodyOf, hello } from "./attack.ts"

afterEach(disposeAll)

type Headers = Record<string, string>

/** Knocks at one door of the hub with these headers: the status it is answered with. */
type Knock = (url: string, headers: Headers) => Promise<number>

const post =
  (transport: string): Knock =>
  async (url, headers) =>
    (await ask(`${url}/${transport}`, { headers, body: bodyOf({ up: 1, poll: 1 }, hello()) })).status

const doors: Readonly<Record<string, Knock>> = {
  "an upgrade": (url, headers) =>
    new Promise((resolve) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/websocket`, { headers })
      socket.on("error", () => {}) // the answer tells
      socket.once("upgrade", () => {
        resolve(101)
        socket.terminate()
      })
      socket.once("unexpected-response", (request, answer) => {
        resolve(answer.statusCode ?? 0)
        request.destroy()
      })
    }),
  "a POST to sse": post("sse"),
  "a POST to long-poll": post("long-poll"),
  "a POST to short-poll": post("short-poll"),
  "the stream of sse": async (url, headers) => (await ask(`${url}/sse?ticket=none`, { method: "GET", headers })).status,
  "a preflight": async (url, headers) => (await ask(`${url}/sse`, { method: "OPTIONS", headers })).status,
  "a transport nobody offers": async (url, headers) => (await ask(`${url}/pigeon`, { body: "", headers })).status,
}

/** The host of a hub's URL, and that of a page on it. */
const own = (url: string): string => new URL(url).host

interface Case {
  readonly title: string
  readonly headers: (url: string) => Headers
  readonly options?: NodeHubOptions
}

const foreign: readonly Case[] = [
  { title: "a foreign Origin", headers: () => ({ origin: "https://evil.example" }) },
  { title: "the Origin `null` of a sandboxed page", headers: () => ({ origin: "null" }) },
  { title: "an Origin that is no URL", headers: () => ({ origin: "evil" }) },
  { title: "an empty Origin", headers: () => ({ origin: "" }) },
  { title: "the own host on another port", headers: (url) => ({ origin: `http://${own(url)}1` }) },
  {
    title: "an Origin that begins with the own host",
    headers: (url) => ({ origin: `http://${own(url)}.evil.example` }),
  },
  { title: "an Origin that ends in the own host", headers: (url) => ({ origin: `http://evil-${own(url)}` }) },
  { title: "the own host by another scheme than the web's", headers: (url) => ({ origin: `ftp://${own(url)}` }) },
  {
    title: "an Origin like an allowed one",
    headers: () => ({ origin: "https://app.example.evil" }),
    options: { origins: ["https://app.example"] },
  },
  {
    title: "an allowed host without TLS",
    headers: () => ({ origin: "http://app.example" }),
    options: { origins: ["https://app.example"] },
  },
  { title: "cookies and no Origin", headers: () => ({ cookie: "session=1" }) },
  {
    title: "cookies and a page of another site",
    headers: () => ({ cookie: "session=1", "sec-fetch-site": "cross-site" }),
  },
  {
    title: "cookies and a page of the same site, not the same origin",
    headers: (url) => ({ cookie: "session=1", "sec-fetch-site": "same-site", referer: `http://${own(url)}/` }),
  },
  {
    title: "cookies and a foreign Referer",
    headers: () => ({ cookie: "session=1", referer: "https://evil.example/" }),
  },
  {
    title: "cookies, where every origin is let in without",
    headers: () => ({ origin: "https://app.example", cookie: "session=1" }),
    options: { origins: "*" },
  },
]

const welcome: readonly Case[] = [
  { title: "no Origin and no cookies", headers: () => ({}) },
  { title: "the Origin of the own host", headers: (url) => ({ origin: `http://${own(url)}` }) },
  { title: "the Origin of the own host behind TLS", headers: (url) => ({ origin: `https://${own(url)}` }) },
  {
    title: "the Origin of the own host, and cookies",
    headers: (url) => ({ origin: `http://${own(url)}`, cookie: "session=1" }),
  },
  {
    title: "cookies and Sec-Fetch-Site: same-origin, as an EventSource sends them",
    headers: () => ({ cookie: "session=1", "sec-fetch-site": "same-origin" }),
  },
  {
    title: "cookies and a Referer on the own host, as an EventSource on plain http sends them",
    headers: (url) => ({ cookie: "session=1", referer: `http://${own(url)}/chat?room=1` }),
  },
  {
    title: "cookies and no Origin, where the application says so",
    headers: () => ({ cookie: "session=1" }),
    options: { allowCookiesWithoutOrigin: true },
  },
  {
    title: "an allowed Origin, with cookies",
    headers: () => ({ origin: "https://app.example", cookie: "session=1" }),
    options: { origins: ["https://app.example"] },
  },
  {
    title: "any Origin, where all are let in",
    headers: () => ({ origin: "https://any.example" }),
    options: { origins: "*" },
  },
]

const answers: Readonly<Record<string, number>> = {
  "an upgrade": 101,
  "the stream of sse": 204,
  "a preflight": 204,
  "a transport nobody offers": 404,
}

describe.each(Object.entries(doors))("%s", (door, knock) => {
  it.each(foreign)("with $title is refused with 403", async ({ headers, options }) => {
    const arena = await startArena(options)
    expect(await knock(arena.url, headers(arena.url))).toBe(403)
    await arena.settled()
  })

  it.each(welcome)("with $title is let in", async ({ headers, options }) => {
    const arena = await startArena(options)
    expect(await knock(arena.url, headers(arena.url))).toBe(answers[door] ?? 200)
    await arena.settled()
  })
})

describe("a refusal", () => {
  it("says its code, lets its page read that alone, without cookies, and names nothing of the hub's policy", async () => {
    const arena = await startArena({ origins: ["https://secret-partner.example"] })
    const answer = await ask(`${arena.url}/long-poll`, { headers: { origin: "https://evil.example" }, body: "@{}" })
    expect(answer).toMatchObject({ status: 403, code: "origin-refused" })
    expect(answer.headers["cache-control"]).toContain("no-store")
    const cors = Object.entries(answer.headers).filter(([name]) => name.startsWith("access-control"))
    expect(cors).toEqual([["access-control-allow-origin", "https://evil.example"]])
    expect(answer.headers["vary"]).toBe("Origin")
    expect(answer.body).not.toContain("partner")
    const preflight = await ask(`${arena.url}/sse`, { method: "OPTIONS", headers: { origin: "https://evil.example" } })
    expect(Object.keys(preflight.headers).filter((name) => name.startsWith("access-control"))).toEqual([])
    await arena.settled()
  })

  it("of a request of HTTP/1.0 that names no Host does not take `null` for the own host", async () => {
    const arena = await startArena()
    const { openTcp } = await import("./attack.ts")
    const { socket, received } = await openTcp(arena.port)
    socket.write("POST /everwire/sse HTTP/1.0\r\nOrigin: null\r\nContent-Length: 0\r\n\r\n")
    expect(await received).toMatch(/^HTTP\/1.1 403 /)
    await arena.settled()
  })
})

it("there is a door for every transport", () => {
  const names = Object.keys(doors).join()
  for (const transport of transports.slice(1)) expect(names).toContain(transport)
})
