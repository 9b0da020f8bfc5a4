import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, it, vi } from "vitest"
import * as handshake from "../../src/wire/handshake.ts"

const LADDER = ["websocket", "sse", "long-poll", "short-poll"]

/** What the channel did since then: `dialed` or `closed`, by rung, and with which code. */
function done({ channel }: Duo, since: number): string[] {
  return channel
    .explain()
    .incidents.filter(({ at, what }) => at >= since && (what === "dialed" || what === "closed"))
    .map(({ transport, what, closing }) => `${transport} ${what} ${closing?.code ?? ""}`.trim())
}

/** What it did from the moment when a hub was there again, until it was open. */
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
  it.each(LADDER)("costs one answer and one new session over %s", async (name) => {
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

  it("is not looked for on other rungs, although it takes 700 ms to answer", async () => {
    const duo = await createDuo({ latencyMs: 350 })
    const what = await comeBack(duo, () => duo.crashHub())
    expect(new Set(what.map((each) => each.split(" ")[0]))).toEqual(new Set(["websocket"]))
    expect(what.slice(-3)).toEqual(["websocket dialed", "websocket closed session-unknown", "websocket dialed"])
  })

  it("does not answer at all: the other rungs are dialed soon", async () => {
    const duo = await createDuo()
    const { channel, runtime, network } = duo
    await runtime.pass(5_000)
    network.block("websocket")
    network.cut()
    expect(await runtime.passUntil(() => channel.transport === "sse", 5_000)).toBe(true)
  })
})

describe("a hub that was there before", () => {
  it("is asked again, one dial at a time and on one rung, before the session is given up", async () => {
    const duo = await createDuo()
    const { channel, runtime, network } = duo
    duo.startHub() // the one before goes on; every new dial finds this one
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

  it("is taken for one when it does not tell its age", async () => {
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
