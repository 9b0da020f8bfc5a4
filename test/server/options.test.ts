import { createHub, type WebHubOptions } from "everwire/server"
import { describe, expect, it } from "vitest"

describe("the options of a hub", () => {
  it.each<[string, WebHubOptions]>([
    ["a figure that is no whole number", { heartbeatTimeoutMs: 30_000.5 }],
    ["a figure below 0", { resumeMs: -1 }],
    ["a window without an end, which a welcome cannot say", { resumeMs: Number.POSITIVE_INFINITY }],
    ["a figure that is none", { maxPayloadBytes: Number.NaN }],
    ["an outbox of no size", { maxOutboxBytes: Number.NaN }],
    ["a cap that is a text, as of a setting", { limits: { maxSessions: "100" as unknown as number } }],
    ["caps that are null", { limits: null as never }],
    ["a cap below 0", { limits: { maxUnwelcomedLinks: -1 } }],
    ["credentials in the place of what judges them", { authenticate: "secret" as never }],
    ["a heartbeat timeout that no beat comes within", { heartbeatMs: 40_000 }],
    ["a time to take what was sent that no slow link keeps", { takeMs: 4_999 }],
    ["a path without a slash", { path: "live" }],
    ["a path that ends in a slash", { path: "/live/" }],
  ])("throw at once: %s", (_, options) => {
    expect(() => createHub(options)).toThrow(expect.objectContaining({ code: "misuse" }))
  })

  it("may forget a session as soon as its link is lost, or keep it for long", async () => {
    await createHub({ resumeMs: 0, heartbeatMs: 60_000, heartbeatTimeoutMs: 90_000, path: "/live" }).close()
  })

  it("may remove the limits", async () => {
    await createHub({ maxOutboxBytes: Number.POSITIVE_INFINITY, limits: { maxSessions: Infinity } }).close()
  })
})
