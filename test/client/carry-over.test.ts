// What a session that has ended hands to the next one, and what it reports.

import { createDuo, createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { carryOver } from "../../src/client/carry-over.ts"
import { createSession } from "../../src/client/channel-session.ts"
import type { Link } from "../../src/session/link.ts"
import type { Session } from "../../src/session/session.ts"
import { createTraffic } from "../../src/session/traffic.ts"
import type { Closing } from "../../src/wire/errors.ts"

const link: Link = { name: "own", bufferedBytes: 0, send() {}, close() {} }

function start(): Session {
  const host = { traffic: createTraffic(), deliver() {}, control() {}, doubted() {}, answered() {} }
  return createSession(createVirtualRuntime(), host, {})
}

const why: Closing = { code: "hub-closing", reason: "it leaves", retryable: true }
/** Of the channel: nothing is asked here. */
const before = { refusal: () => undefined }

/** A session whose three messages were handed to a link, none of which was acknowledged. */
function startWithThree(): Session {
  const session = start()
  for (const n of [1, 2, 3]) session.say(`mx\t${n}`)
  session.attach(link, { heard: 0 })
  return session
}

describe("a session that ends with messages that a link was handed", () => {
  it("hands on what is behind the last packet that the hub has heard, and reports nothing, when the hub tells that", () => {
    const next = start()
    expect(carryOver(startWithThree(), next, 2, {}, before, why)).toEqual([])
    expect(next.said).toBe(1)
  })

  it("hands on nothing and reports all when the hub does not tell", () => {
    const next = start()
    const reported = carryOver(startWithThree(), next, undefined, {}, before, why)
    expect(reported.map(({ data }) => data)).toEqual([1, 2, 3])
    expect(next.said).toBe(0)
  })

  it("hands on all of them, too, with resend", () => {
    const next = start()
    expect(carryOver(startWithThree(), next, undefined, { resend: true }, before, why)).toHaveLength(3)
    expect(next.said).toBe(3)
  })
})

describe("a hub that leaves", () => {
  it("tells which requests were certainly not begun: they fail with its code, and those it has heard with session-reset", async () => {
    const begun: unknown[] = []
    const duo = await createDuo({
      transports: ["websocket"],
      serve: (hub) => {
        hub.handle("buy", (data) => {
          begun.push(data)
          return new Promise(() => {})
        })
      },
    })
    const { channel, runtime } = duo
    const failure = (asked: Promise<unknown>) => asked.catch((error: unknown) => error)
    const heard = failure(channel.request("buy", "heard"))
    await runtime.pass(100)
    const closed = duo.closeHub()
    const unheard = failure(channel.request("buy", "on its way"))
    const items = failure(channel.stream("buy", "a stream on its way").next())
    await closed
    await runtime.pass(1_000)
    expect(begun).toEqual(["heard"])
    expect(await heard).toMatchObject({ code: "session-reset" })
    expect(await unheard).toMatchObject({ code: "hub-closing", retryable: true })
    expect(await items).toMatchObject({ code: "hub-closing" })
  })
})
