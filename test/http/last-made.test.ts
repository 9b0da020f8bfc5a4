import { describe, expect, it } from "vitest"
import { LastMade } from "../../src/transports/last-made.ts"

const KEPT_LENGTH = 65_536

/** What was made, in the order in which it was. */
function start(): { frames: LastMade<string, { of: string }>; made: string[] } {
  const made: string[] = []
  const frames = new LastMade((text: string) => {
    made.push(text)
    return { of: text }
  })
  return { frames, made }
}

describe("what was made last", () => {
  it("is made once for all who are sent the same in a row, and again after something else", () => {
    const { frames, made } = start()
    const first = frames.of("a")
    expect(frames.of("a")).toBe(first)
    expect(frames.of("b")).toEqual({ of: "b" })
    expect(frames.of("a")).toEqual(first)
    expect(made).toEqual(["a", "b", "a"])
  })

  it("is kept up to 64 Ki units, and not beyond: then neither that nor what was there before", () => {
    const { frames, made } = start()
    const [longest, longer] = ["x".repeat(KEPT_LENGTH), "x".repeat(KEPT_LENGTH + 1)]
    for (const text of [longest, longest, longer, longer, longest]) expect(frames.of(text).of).toBe(text)
    expect(made.map(({ length }) => length - KEPT_LENGTH)).toEqual([0, 1, 1, 0])
  })

  it("is another for each hub", () => {
    const [one, other] = [start(), start()]
    one.frames.of("a")
    other.frames.of("a")
    expect([one.made, other.made]).toEqual([["a"], ["a"]])
  })
})
