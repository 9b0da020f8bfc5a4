import { describe, expect, it } from "vitest"
import { BYTES_TYPE, decodeBody, readEnvelope } from "../../src/transports/http/envelope.ts"

describe("an envelope", () => {
  it.each(['"1"', "-1", "0.5", "1e21", "true", "null", "[1]", "{}", '{"toString":1,"valueOf":1}'])(
    "whose number is %s is a protocol error",
    (number) => {
      expect(() => readEnvelope(`@{"up":${number}}`)).toThrow(expect.objectContaining({ code: "protocol-error" }))
    },
  )

  it("takes numbers up to the largest safe integer", () => {
    expect(readEnvelope(`@{"up":0,"poll":${Number.MAX_SAFE_INTEGER}}`)).toMatchObject({
      up: 0,
      poll: Number.MAX_SAFE_INTEGER,
      holdMs: undefined,
    })
  })
})

describe("a body of bytes", () => {
  /** A binary batch whose first packet is a text of this length. */
  const bodyOf = (length: number): Uint8Array => {
    const body = new Uint8Array(4 + length).fill(32)
    body.set([0, length >> 16, length >> 8, length])
    body.set(new TextEncoder().encode('@{"up":1}'), 4)
    return body
  }

  it.each([9, 300, 65_535])("has an envelope of %i bytes", (length) => {
    const whole = new Uint8Array([...bodyOf(length), 7])
    expect(decodeBody(whole, BYTES_TYPE)).toMatchObject({ envelope: { up: 1 }, batch: new Uint8Array([7]) })
  })

  it.each([
    ["has an envelope that no honest one would send", bodyOf(65_536 + 9)],
    ["is cut short in its envelope", bodyOf(9).subarray(0, 12)],
    ["is cut short in its first header", bodyOf(9).subarray(0, 3)],
    ["begins with bytes", new Uint8Array([128, 0, 0, 1, 7])],
    ["is empty", new Uint8Array()],
  ])("is a protocol error when it %s", (_, body) => {
    expect(() => decodeBody(body, BYTES_TYPE)).toThrow(expect.objectContaining({ code: "protocol-error" }))
  })
})
