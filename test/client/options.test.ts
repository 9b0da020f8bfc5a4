import { createChannel } from "everwire"
import { createHub as createNodeHub } from "everwire/node"
import { createHub } from "everwire/server"
import { createDuo } from "everwire/testing"
import { describe, expect, it } from "vitest"

/** What JavaScript may write, where no compiler looks. */
const untyped = (options: object): never => options as never

const misuse = (message: string): unknown =>
  expect.objectContaining({ name: "EverwireError", code: "misuse", message: expect.stringContaining(message) })

describe("an option that does not exist is misuse, and those that do are named", () => {
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

  it("also of request and close, of either side", async () => {
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

  it("an option that is undefined is as good as none", () => {
    const none = { path: undefined, limits: { maxSessions: undefined }, transports: undefined }
    expect(createHub(untyped(none)).path).toBe("/everwire")
  })
})

it("a transport that nothing is called like is answered with those that there are", () => {
  const names = "there are websocket, sse, long-poll, short-poll"
  const transports = untyped(["websockets"])
  expect(() => createChannel("http://host", { transports })).toThrow(misuse(names))
  expect(() => createNodeHub({ transports })).toThrow(misuse(names))
  expect(() => createHub({ transports })).toThrow(misuse("there are sse, long-poll, short-poll"))
})

it("explain says in a sentence why a better transport does not carry the talk", async () => {
  const { channel, runtime, network } = await createDuo({ transports: ["websocket", "sse"] })
  await runtime.pass(5_000)
  network.block("websocket")
  network.cut()
  await runtime.passUntil(() => channel.transport === "sse", 5_000)
  expect(channel.explain().why).toMatch(/^websocket failed( while another worked)? \(.+\)$/)
})
