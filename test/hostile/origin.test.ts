import type { NodeHubOptions } from "everwire/node"
import { afterEach, describe, expect, it } from "vitest"
import { disposeAll, transports } from "../support/hub-server.ts"
import { startArena } from "./arena.ts"
import { ask } from "./attack.ts"
import { doors, type Headers } from "./doors.ts"

afterEach(disposeAll)

/** The host of a hub's URL, and that of a page on the same host. */
const own = (url: string): string => new URL(url).host

interface Case {
  readonly title: string
  readonly headers: (url: string) => Headers
  readonly options?: NodeHubOptions
}

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
  it.each(welcome)("with $title is allowed", async ({ headers, options }) => {
    const arena = await startArena(options)
    expect(await knock(arena.url, headers(arena.url))).toBe(answers[door] ?? 200)
    await arena.settled()
  })
})

describe("a refusal", () => {
  it("has a code that its page can read, without cookies, and reveals nothing of the hub's policy", async () => {
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

  it("of a request of HTTP/1.0 without a Host does not treat `null` as the hub's own host", async () => {
    const arena = await startArena()
    const { openTcp } = await import("./attack.ts")
    const { socket, received } = await openTcp(arena.port)
    socket.write("POST /everwire/sse HTTP/1.0\r\nOrigin: null\r\nContent-Length: 0\r\n\r\n")
    expect(await received).toMatch(/^HTTP\/1.1 403 /)
    await arena.settled()
  })
})

it("the table of entry points has one for every transport", () => {
  const names = Object.keys(doors).join()
  for (const transport of transports.slice(1)) expect(names).toContain(transport)
})
