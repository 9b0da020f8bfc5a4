import { createHub, type WebHubOptions } from "everwire/server"
import { describe, expect, it } from "vitest"
import { createRuntime } from "../support/hub-server.ts"

type Headers = Readonly<Record<string, string>>

/** Whether the hub allows a preflight request with these headers. */
async function isLetIn(headers: Headers, options: WebHubOptions = {}, url = "http://inside:3000"): Promise<boolean> {
  const hub = createHub({ runtime: createRuntime(), ...options })
  const { status } = await hub.fetch(new Request(`${url}/everwire/sse`, { method: "OPTIONS", headers }))
  return status === 204
}

describe("an Origin is compared with the Host as the URL standard compares them", () => {
  it.each<[origin: string, host: string, isSame: boolean]>([
    ["https://a.example", "a.example", true],
    ["http://a.example", "a.example", true],
    ["https://a.example", "a.example:443", true],
    ["http://a.example", "a.example:80", true],
    ["https://a.example:443", "a.example", true],
    ["http://a.example:8080", "a.example:8080", true],
    ["https://a.example", "a.example:80", false],
    ["http://a.example", "a.example:443", false],
    ["https://a.example:8443", "a.example", false],
    ["https://a.example", "a.example:8443", false],
    ["https://A.Example", "a.example", true],
    ["HTTPS://a.example", "A.EXAMPLE:443", true],
    ["https://[::1]:8443", "[::1]:8443", true],
    ["https://[::1]", "[::1]:443", true],
    ["https://[2001:db8::1]", "[2001:DB8:0:0:0:0:0:1]", true],
    ["https://[::1]", "[::2]", false],
    ["https://127.0.0.1", "127.0.0.1:443", true],
    ["https://a.example.", "a.example.", true],
    ["https://a.example.", "a.example", true],
    ["https://a.example.:8443", "a.example:8443", true],
    ["https://xn--bcher-kva.example", "xn--bcher-kva.example", true],
    ["https://xn--bcher-kva.example", "XN--BCHER-KVA.example:443", true],
    ["https://a.example", "a.example.evil.example", false],
    ["https://evil.example", "evil.example@a.example", false],
    ["https://a.example", "evil@a.example", false],
    ["https://a.example", "a.example/evil", false],
    ["https://a.example/path", "a.example", false],
    ["https://user@a.example", "a.example", false],
    ["https://a.example https://b.example", "a.example", false],
    ["ftp://a.example", "a.example", false],
    ["null", "null", false],
    ["null", "a.example", false],
    ["https://", "a.example", false],
  ])("%s and %s", async (origin, host, isSame) => {
    expect(await isLetIn({ origin, host })).toBe(isSame)
  })

  it.each<[origin: string, isSame: boolean]>([
    ["https://a.example", true],
    ["https://a.example:443", true],
    // On a page without TLS, anybody on the network path can change the page and its Origin.
    ["http://a.example", false],
    ["http://a.example:443", false],
  ])("%s and a.example, requested over TLS", async (origin, isSame) => {
    expect(await isLetIn({ origin, host: "a.example" }, {}, "https://a.example")).toBe(isSame)
  })

  it.each<[headers: Headers, isSame: boolean]>([
    [{ origin: "https://a.example", "x-forwarded-host": "a.example" }, true],
    [{ origin: "https://a.example", "x-forwarded-host": "a.example", "x-forwarded-proto": "https" }, true],
    [{ origin: "https://a.example", "x-forwarded-host": "a.example:443", "x-forwarded-proto": "wss" }, true],
    [{ origin: "http://a.example", "x-forwarded-host": "a.example", "x-forwarded-proto": "http" }, true],
    [{ origin: "http://a.example", "x-forwarded-host": "a.example", "x-forwarded-proto": "https" }, false],
    // An inner proxy often reports its own scheme too, and that does no harm.
    [{ origin: "https://a.example", "x-forwarded-host": "a.example", "x-forwarded-proto": "http" }, true],
    [{ origin: "https://a.example", "x-forwarded-host": "evil.example, a.example" }, true],
    [{ origin: "https://evil.example", "x-forwarded-host": "evil.example, a.example" }, false],
    [{ origin: "http://inside:3000" }, true],
    [{ origin: "https://a.example", "x-forwarded-host": "" }, false],
    [{ origin: "https://a.example", forwarded: "host=a.example;proto=https" }, false],
  ])("%o behind a trusted proxy", async (headers, isSame) => {
    expect(await isLetIn(headers, { trustProxy: 1 })).toBe(isSame)
  })

  it("and no proxy is trusted unless the options say so", async () => {
    expect(await isLetIn({ origin: "https://a.example", "x-forwarded-host": "a.example" })).toBe(false)
  })
})

describe("the origins of the options", () => {
  it.each<[entry: string, origin: string, isListed: boolean]>([
    ["https://app.example", "https://app.example", true],
    ["https://app.example/", "https://app.example", true],
    ["https://app.example:443", "https://app.example", true],
    ["HTTPS://App.Example", "https://app.example", true],
    ["https://bücher.example", "https://xn--bcher-kva.example", true],
    ["https://app.example.", "https://app.example", true],
    ["http://[::1]:5173", "http://[::1]:5173", true],
    ["capacitor://localhost", "capacitor://localhost", true],
    ["chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop", true],
    ["file://", "file://", true],
    ["https://app.example", "http://app.example", false],
    ["https://app.example", "https://app.example:8443", false],
    ["https://app.example", "https://app.example.evil", false],
    ["https://app.example", "https://an-app.example", false],
  ])("%s, and a page of %s", async (entry, origin, isListed) => {
    expect(await isLetIn({ origin, host: "hub.example" }, { origins: [entry] })).toBe(isListed)
  })

  it.each<[title: string, origins: unknown]>([
    ["with a path", ["https://app.example/chat"]],
    ["with a query", ["https://app.example?x"]],
    ["with a user", ["https://me@app.example"]],
    ["without a scheme", ["app.example"]],
    ["without a scheme, with a port", ["localhost:5173"]],
    ["of a WebSocket's URL", ["wss://app.example"]],
    ["that means all, in a list", ["*"]],
    ["with a pattern", ["https://*.app.example"]],
    ["that any page can have", ["null"]],
    ["that is empty", [""]],
    ["that is no text", [/app/]],
    ["in place of the list", "https://app.example"],
    ["that cannot be a host", ["https://a b.example"]],
  ])("an entry %s throws at once", (_, origins) => {
    const options = { origins } as WebHubOptions // Untyped JavaScript can pass this.
    expect(() => createHub(options)).toThrow(expect.objectContaining({ code: "misuse" }))
  })

  it("that allow every origin contradict cookies without an origin, in every runtime", () => {
    expect(() => createHub({ origins: "*", allowCookiesWithoutOrigin: true })).toThrow(/contradicts/)
  })
})
