import { createHub, type TrustProxy, type WebHubOptions } from "everwire/server"
import { describe, expect, it } from "vitest"
import { bodyOf, hello } from "../hostile/attack.ts"
import { createRuntime } from "../support/hub-server.ts"

/** Returns the address that `authenticate` is given for a hello from this connection. */
async function addressOf(
  trustProxy: TrustProxy | undefined,
  connection: string | undefined,
  forwardedFor?: string,
): Promise<string | undefined> {
  let address: string | undefined = "not asked"
  const hub = createHub({
    runtime: createRuntime(),
    ...(trustProxy !== undefined && { trustProxy }),
    authenticate: ({ origin }) => {
      ;({ address } = origin)
      return null
    },
  })
  const headers: HeadersInit = forwardedFor === undefined ? {} : { "x-forwarded-for": forwardedFor }
  const body = bodyOf({ up: 1, poll: 1 }, hello())
  await hub.fetch(new Request("http://hub.example/everwire/long-poll", { method: "POST", headers, body }), connection)
  return address
}

describe("the client's address", () => {
  it.each<[TrustProxy | undefined, string | undefined, string | undefined, string | undefined]>([
    [undefined, "10.0.0.1", "1.1.1.1", "10.0.0.1"],
    [false, "10.0.0.1", "1.1.1.1", "10.0.0.1"],
    [0, "10.0.0.1", "1.1.1.1", "10.0.0.1"],
    [true, "10.0.0.1", undefined, "10.0.0.1"],
    [true, "10.0.0.1", "1.1.1.1", "1.1.1.1"],
    [true, "10.0.0.1", "1.1.1.1, 2.2.2.2", "1.1.1.1"],
    [1, "10.0.0.1", "1.1.1.1, 2.2.2.2", "2.2.2.2"],
    [2, "10.0.0.1", "1.1.1.1, 2.2.2.2", "1.1.1.1"],
    [3, "10.0.0.1", "1.1.1.1, 2.2.2.2", "1.1.1.1"],
    [1, undefined, "1.1.1.1", "1.1.1.1"],
    ["loopback", "127.0.0.1", "1.1.1.1", "1.1.1.1"],
    ["loopback", "127.9.9.9", "1.1.1.1", "1.1.1.1"],
    ["loopback", "::1", "1.1.1.1", "1.1.1.1"],
    ["loopback", "::ffff:127.0.0.1", "1.1.1.1", "1.1.1.1"],
    ["loopback", "10.0.0.1", "1.1.1.1", "10.0.0.1"],
    ["linklocal", "fe80::1%eth0", "1.1.1.1", "1.1.1.1"],
    ["uniquelocal", "172.31.0.1", "1.1.1.1", "1.1.1.1"],
    ["uniquelocal", "172.32.0.1", "1.1.1.1", "172.32.0.1"],
    ["uniquelocal", "fd00::5", "1.1.1.1", "1.1.1.1"],
    ["loopback, uniquelocal", "127.0.0.1", "1.1.1.1, 10.2.3.4", "1.1.1.1"],
    [["10.0.0.0/8", "2001:db8::/32"], "10.200.0.1", "1.1.1.1", "1.1.1.1"],
    [["10.0.0.0/8", "2001:db8::/32"], "2001:db8:9::1", "1.1.1.1", "1.1.1.1"],
    [["10.0.0.0/8", "2001:db8::/32"], "2001:db9::1", "1.1.1.1", "2001:db9::1"],
    [["10.0.0.0/255.0.0.0"], "10.200.0.1", "1.1.1.1", "1.1.1.1"],
    [["203.0.113.7"], "203.0.113.7", "1.1.1.1", "1.1.1.1"],
    [["203.0.113.7"], "203.0.113.8", "1.1.1.1", "203.0.113.8"],
    // What a client invents stands left of the address that the first trusted proxy saw.
    ["loopback", "127.0.0.1", "127.0.0.1, 6.6.6.6", "6.6.6.6"],
    [(address) => address === "10.0.0.1", "10.0.0.1", "1.1.1.1", "1.1.1.1"],
    [(_, hop) => hop < 1, "10.0.0.1", "1.1.1.1, 2.2.2.2", "2.2.2.2"],
    // Addresses with ports and brackets, as some proxies write them.
    [1, "10.0.0.1", "1.1.1.1:4711", "1.1.1.1"],
    [1, "10.0.0.1", "[2001:DB8::0:1]:4711", "2001:db8::1"],
    [1, "10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"],
    [1, "10.0.0.1", " 1.1.1.1 ", "1.1.1.1"],
    // A value that is not an address is not passed on.
    [1, "10.0.0.1", "unknown", "10.0.0.1"],
    [true, "10.0.0.1", "<script>, 2.2.2.2", "2.2.2.2"],
    [1, "10.0.0.1", "1.1.1.999", "10.0.0.1"],
    [1, "10.0.0.1", "", "10.0.0.1"],
  ])(
    "with trustProxy %o, for a connection from %s with the header %s, is %s",
    async (trustProxy, connection, forwardedFor, address) => {
      expect(await addressOf(trustProxy, connection, forwardedFor)).toBe(address)
    },
  )

  it("is the connection's own where the application's function throws, and onError hears of that", async () => {
    const runtime = createRuntime()
    const hub = createHub({
      runtime,
      trustProxy: () => {
        throw new Error("broken")
      },
    })
    const request = new Request("http://hub.example/everwire/sse", { method: "OPTIONS" })
    expect((await hub.fetch(request, "10.0.0.1")).status).toBe(204)
    expect(runtime.reported).toEqual([expect.objectContaining({ message: "broken" })])
  })
})

describe("trustProxy", () => {
  it.each<[title: string, trustProxy: unknown]>([
    ["a name that is none", "localhost"],
    ["a number in a text, as an environment has it", "1"],
    ["a network without an end", "10.0.0.0/"],
    ["a prefix that is too long", "10.0.0.0/33"],
    ["a prefix of IPv6 that is too long", "fc00::/129"],
    ["everything, which is `true`", "0.0.0.0/0"],
    ["a netmask with holes", "10.0.0.0/255.0.255.0"],
    ["an address with too large a part", "10.0.0.256"],
    ["an empty text", ""],
    ["a number of proxies below 0", -1],
    ["half a proxy", 0.5],
    ["no number", Number.NaN],
    ["an object", {}],
    ["a list of numbers", [1]],
  ])("refuses %s at once", (_, trustProxy) => {
    const options = { trustProxy } as WebHubOptions // Untyped JavaScript can pass this.
    expect(() => createHub(options)).toThrow(expect.objectContaining({ code: "misuse" }))
  })
})
