import { createChannel } from "everwire"
import { createHub as createNodeHub } from "everwire/node"
import { createHub } from "everwire/server"
import { createDuo } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** Values that untyped JavaScript may pass, where no compiler checks. */
const untyped = (options: object): never => options as never

const misuse = (message: string): unknown =>
  expect.objectContaining({ name: "EverwireError", code: "misuse", message: expect.stringContaining(message) })

function caught(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  return expect.fail("nothing was thrown")
}

describe("an option that does not exist or has a wrong type throws an error that says what is wanted", () => {
  it.each<[given: string, wanted: string, call: (options: never) => unknown]>([
    ["transport", "transports", (options) => createChannel("http://host", options)],
    ["withCredential", "withCredentials", (options) => createChannel("http://host", options)],
    ["WITHCREDENTIALS", "withCredentials", (options) => createChannel("http://host", options)],
    ["onReset", "resend", (options) => createChannel("http://host", options)],
    ["WebSocket", "openSocket", (platform) => createChannel("http://host", { platform })],
    ["maxPayload", "maxPayloadBytes", (options) => createHub(options)],
    ["deflate", "perMessageDeflate", (options) => createNodeHub(options)],
    ["origin", "origins", (options) => createNodeHub(options)],
    ["maxSession", "maxSessions", (limits) => createNodeHub({ limits })],
  ])("%s: %s", (given, wanted, call) => {
    const misspelt = (): unknown => call(untyped({ [given]: undefined }))
    expect(misspelt).toThrow(misuse(`has no option "${given}"; there are `))
    expect(misspelt).toThrow(misuse(wanted))
  })

  it("is checked in request() and close() of either side too", async () => {
    const { channel, peer, hub } = await createDuo()
    const timeout = misuse('request has no option "timeout"; there are timeoutMs, signal')
    await expect(channel.request("x", 1, untyped({ timeout: 5 }))).rejects.toEqual(timeout)
    await expect(peer.request("x", 1, untyped({ timeout: 5 }))).rejects.toEqual(timeout)
    await expect(channel.close(untyped({ drainMs: 5 }))).rejects.toEqual(
      misuse('close has no option "drainMs"; there are flushMs'),
    )
    await expect(hub.close(untyped({ drain: 5 }))).rejects.toEqual(
      misuse('close has no option "drain"; there are drainMs'),
    )
    expect([channel.status, peer.closed]).toEqual(["open", false])
  })

  it.each<[options: object, wanted: string, given: string]>([
    [{ transports: "websocket" }, "transports wants entries", "string"],
    [{ transports: 4 }, "transports wants entries", "number"],
    [{ reprobeMs: 5 }, "reprobeMs wants entries", "number"],
    [{ auth: 5 }, "auth wants function", "number"],
    [{ auth: { token: "secret" } }, "auth wants function", "object"],
    [{ authTimeoutMs: "soon" }, "authTimeoutMs wants number", "string"],
    [{ maxOutboxBytes: "1 MB" }, "maxOutboxBytes wants number", "string"],
    [{ store: "local" }, "store wants object", "string"],
    [{ runtime: {} }, "runtime wants after", "object"],
    [{ platform: "node" }, "platform wants object", "string"],
    [{ withCredentials: "include" }, "withCredentials wants boolean", "string"],
    [{ resend: 1 }, "resend wants boolean", "number"],
  ])("a channel's %o: %s", (options, wanted, given) => {
    expect(() => createChannel("http://host", untyped(options))).toThrow(
      misuse(`createChannel: ${wanted}; given: ${given}`),
    )
  })

  it.each([
    { maxOutboxBytes: Number.NaN },
    { maxOutboxBytes: -1 },
    { authTimeoutMs: Number.NaN },
    { authTimeoutMs: -5 },
    { reprobeMs: [1_000, Number.NaN] },
    { reprobeMs: [-1] },
    { reprobeMs: ["soon"] },
  ])("in createChannel is misuse where its number is below 0 or none: %o", (options) => {
    expect(() => createChannel("http://localhost:1", options as never)).toThrow(misuse("are 0 or more"))
  })

  it.each([{ maxOutboxBytes: 0 }, { authTimeoutMs: Number.POSITIVE_INFINITY }, { reprobeMs: [] }])(
    "in createChannel may be %o",
    async (options) => {
      await createChannel("http://localhost:1", options).close()
    },
  )

  it("the error does not show the value, because that may be a secret", () => {
    const { message } = caught(() => createChannel("http://host", untyped({ auth: "secret" })))
    expect(message).not.toContain("secret")
  })

  it.each<[options: unknown, wanted: string]>([
    [{ authenticate: true }, "authenticate wants function; given: boolean"],
    [{ allowCookiesWithoutOrigin: "yes" }, "allowCookiesWithoutOrigin wants boolean; given: string"],
    [{ perMessageDeflate: {} }, "perMessageDeflate wants boolean; given: object"],
    [{ runtime: {} }, "runtime wants after; given: object"],
    [{ limits: 5 }, "limits are an object, like { maxSessions: 10000 }; given: 5"],
    [null, "the options of a hub are an object, like { resumeMs: 60000 }; given: null"],
    ["websocket", "the options of a hub are an object, like { resumeMs: 60000 }; given: websocket"],
  ])("a hub's %o: %s", (options, wanted) => {
    expect(() => createNodeHub(options as never)).toThrow(misuse(wanted))
  })

  it.each(["timeoutMs", "signal"])("a request's %s", async (name) => {
    const { channel, peer } = await createDuo()
    const wrong = { timeoutMs: "5 s", signal: {} }[name]
    const wanted = misuse(
      `request: ${name} wants ${name === "signal" ? "addEventListener; given: object" : "number; given: string"}`,
    )
    await expect(channel.request("x", 1, untyped({ [name]: wrong }))).rejects.toEqual(wanted)
    await expect(peer.request("x", 1, untyped({ [name]: wrong }))).rejects.toEqual(wanted)
    expect(channel.stats().sent).toBe(0)
  })

  it("an option that is null counts as not given", () => {
    const names = ["auth", "authTimeoutMs", "reprobeMs", "store", "runtime", "platform", "transports", "resend"]
    const channel = createChannel("http://host", untyped(Object.fromEntries(names.map((name) => [name, null]))))
    expect(channel.status).toBe("connecting")
    void channel.close()
  })

  it("an option that is undefined counts as not given", () => {
    const none = { path: undefined, limits: { maxSessions: undefined }, transports: undefined }
    expect(createHub(untyped(none)).path).toBe("/everwire")
  })
})

it.each<[transports: unknown[]]>([[[]], [[5]], [[null]], [[{}]], [["sse", "sse"]]])(
  "a list of transports of %o is misuse",
  (transports) => {
    expect(() => createChannel("http://host", { transports: transports as never })).toThrow(
      misuse("transports are dialers, each once"),
    )
  },
)

it("a transport name that does not exist is answered with the names that do", () => {
  const names = "there are websocket, sse, long-poll, short-poll"
  const transports = untyped(["websockets"])
  expect(() => createChannel("http://host", { transports })).toThrow(misuse(names))
  expect(() => createNodeHub({ transports })).toThrow(misuse(names))
  expect(() => createHub({ transports })).toThrow(misuse(names))
})

it("explain() says in a sentence why a better transport does not carry the session", async () => {
  const { channel, runtime, network } = await createDuo({ transports: ["websocket", "sse"] })
  await runtime.pass(5_000)
  network.block("websocket")
  network.cut()
  await runtime.passUntil(() => channel.transport === "sse", 5_000)
  expect(channel.explain().why).toMatch(/^websocket failed( while another worked)? \(.+\)$/)
})
