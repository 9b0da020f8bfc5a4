import { describe, expect, it } from "vitest"
import { expiring, HOUR, MINUTE } from "./expiring.ts"

describe("expiresAt of a principal", () => {
  it.each<[string, unknown, string]>([
    ["NaN", Number.NaN, "NaN"],
    ["a text", "2027-01-01", "a string"],
    ["a Date", new Date(2027, 1), "a object"],
    ["null", null, "a object"],
    ["a bigint", 1n, "a bigint"],
  ])("that is %s refuses the channel, and is reported without its value", async (_, expiresAt, given) => {
    const one = await expiring(HOUR, { hub: { authenticate: () => ({ id: "ann", expiresAt }) as { id: string } } })
    expect(one.channel.status).toBe("closed")
    expect(one.refused).toEqual(["unauthorized authenticate"])
    expect(one.errors).toEqual([
      expect.objectContaining({ code: "misuse", message: expect.stringContaining(`an expiresAt that is ${given}`) }),
    ])
    expect(String(one.errors[0])).not.toContain("2027")
  })

  it.each<[string, number | undefined]>([
    ["Infinity", Infinity],
    ["undefined", undefined],
  ])("may be %s: then it does not expire", async (_, expiresAt) => {
    const one = await expiring(HOUR, { hub: { authenticate: () => ({ id: "ann", expiresAt }) } })
    await one.runtime.pass(24 * HOUR)
    expect([one.channel.status, one.packets("u"), one.errors]).toEqual(["open", [], []])
  })

  it.each([0, 1, 1_000, HOUR])(
    "in the past (%i ms ago) refuses, and the channel asks for another token",
    async (ago) => {
      let calls = 0
      const one = await expiring(HOUR, {
        auth: (_, now) => ({ id: "ann", expiresAt: ++calls < 3 ? now + 10 - ago : now + HOUR }), // the network takes 10 ms
      })
      expect(one.channel.status).toBe("open")
      expect(one.asked.map(([reason]) => reason)).toEqual(["connect", "connect", "connect"])
      expect(one.refused).toEqual(["unauthorized authenticate", "unauthorized authenticate"])
      expect(one.errors).toEqual([])
      expect(JSON.stringify(one.channel.explain())).toContain("the credentials have expired")
    },
  )

  it("in seconds is reported as what it is", async () => {
    const one = await expiring(HOUR, { auth: (_, now) => ({ id: "ann", expiresAt: (now + HOUR) / 1_000 }) })
    expect(one.channel.status).toBe("connecting")
    expect(one.errors[0]).toEqual(
      expect.objectContaining({ code: "misuse", message: expect.stringContaining("1000 * exp") }),
    )
    void one.channel.close()
    await one.runtime.pass(MINUTE)
  })
})
