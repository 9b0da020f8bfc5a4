import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it, vi } from "vitest"
import * as handshake from "../../src/wire/handshake.ts"

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]

/** The incidents of the channel since `since` that are `dialed` or `closed`, with transport and code. */
function done({ channel }: Duo, since: number): string[] {
  return channel
    .explain()
    .incidents.filter(({ at, what }) => at >= since && (what === "dialed" || what === "closed"))
    .map(({ transport, what, closing }) => `${transport} ${what} ${closing?.code ?? ""}`.trim())
}

/** The incidents from the moment when a new hub was started until the channel was open and 10 s had passed. */
async function comeBack(duo: Duo, crash: () => void): Promise<string[]> {
  const { channel, runtime } = duo
  await runtime.pass(5_000)
  crash()
  const since = runtime.now() + 1
  await runtime.pass(1_000)
  duo.startHub()
  const before = done(duo, since).length
  expect(await runtime.passUntil(() => channel.status === "open", 30_000)).toBe(true)
  await runtime.pass(10_000)
  return done(duo, since).slice(before)
}

describe("a hub that was restarted", () => {
  it.each(LADDER)("costs one refused hello and one new session over %s", async (name) => {
    const duo = await createDuo({ transports: [name] })
    const resets: unknown[] = []
    duo.channel.onReset(({ closing }) => resets.push(closing.code))
    const what = await comeBack(duo, () => duo.crashHub())
    const last = what.indexOf(`${name} dialed`)
    expect(what.slice(last)).toEqual([`${name} dialed`, `${name} closed session-unknown`, `${name} dialed`])
    expect(resets).toEqual(["session-unknown"])
  })

  it("is dialed once: the link that brought session-unknown takes the hello of the new session", async () => {
    const duo = await createDuo({ transports: ["websocket"] })
    const { channel, network, runtime } = duo
    await runtime.pass(5_000)
    duo.crashHub()
    await runtime.pass(1_000)
    duo.startHub()
    const before = network.dials
    expect(await runtime.passUntil(() => channel.status === "open", 30_000)).toBe(true)
    await runtime.pass(10_000)
    expect(network.dials - before).toBe(1)
  })

  it("is not dialed over other transports, although it takes 700 ms to answer", async () => {
    const duo = await createDuo({ latencyMs: 350 })
    const what = await comeBack(duo, () => duo.crashHub())
    expect(new Set(what.map((each) => each.split(" ")[0]))).toEqual(new Set(["websocket"]))
    expect(what.slice(-3)).toEqual(["websocket dialed", "websocket closed session-unknown", "websocket dialed"])
  })

  it("that does not answer makes the channel dial the other transports soon", async () => {
    const duo = await createDuo()
    const { channel, runtime, network } = duo
    await runtime.pass(5_000)
    network.block("websocket")
    network.cut()
    expect(await runtime.passUntil(() => channel.transport === "sse", 5_000)).toBe(true)
  })
})

describe("a hub that is older than the session", () => {
  it("is asked again, one dial at a time over one transport, before the channel gives the session up", async () => {
    const duo = await createDuo()
    const { channel, runtime, network } = duo
    duo.startHub() // The first hub keeps running; every new dial reaches this one.
    await runtime.pass(5_000)
    const since = runtime.now()
    network.cut()
    expect(await runtime.passUntil(() => channel.status !== "open", 1_000)).toBe(true)
    expect(await runtime.passUntil(() => channel.status === "open", 10_000)).toBe(true)
    expect(done(duo, since)).toEqual([
      "websocket closed network",
      ...Array.from({ length: 4 }, () => ["websocket dialed", "websocket closed session-unknown"]).flat(),
      "websocket dialed",
    ])
  })

  it("is assumed where the hub does not tell its age", async () => {
    const { writeBye } = handshake
    const spy = vi
      .spyOn(handshake, "writeBye")
      .mockImplementation((why, more) => writeBye(why, { ...more, ageMs: undefined }))
    const duo = await createDuo()
    const what = await comeBack(duo, () => duo.crashHub())
    spy.mockRestore()
    expect(what.filter((each) => each === "websocket closed session-unknown")).toHaveLength(4)
  })
})
