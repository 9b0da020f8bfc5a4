// What a session that has ended hands to the next one, and what it reports.

import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { carryOver } from "../../src/client/carry-over.ts"
import { createSession } from "../../src/client/channel-session.ts"
import type { Link } from "../../src/session/link.ts"
import type { Session } from "../../src/session/session.ts"
import { createTraffic } from "../../src/session/traffic.ts"

const link: Link = { name: "own", bufferedBytes: 0, send() {}, close() {} }

function start(): Session {
  const host = { traffic: createTraffic(), deliver() {}, control() {}, doubted() {}, answered() {} }
  return createSession(createVirtualRuntime(), host, {})
}

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
    expect(carryOver(startWithThree(), next, 2, {})).toEqual([])
    expect(next.said).toBe(1)
  })

  it("hands on nothing and reports all when the hub does not tell", () => {
    const next = start()
    const reported = carryOver(startWithThree(), next, undefined, {})
    expect(reported.map(({ data }) => data)).toEqual([1, 2, 3])
    expect(next.said).toBe(0)
  })

  it("hands on all of them, too, with resend", () => {
    const next = start()
    expect(carryOver(startWithThree(), next, undefined, { resend: true })).toHaveLength(3)
    expect(next.said).toBe(3)
  })
})
