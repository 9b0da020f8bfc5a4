import { describe, expect, it } from "vitest"
import { closing, closingError, EverwireError, protocolError } from "../../src/wire/errors.ts"

describe("a closing", () => {
  it("is retryable unless the caller says otherwise, and names a wait only where there is one", () => {
    expect(closing("network", "broke")).toEqual({ code: "network", reason: "broke", retryable: true })
    expect(closing("unauthorized", "no", false)).toEqual({ code: "unauthorized", reason: "no", retryable: false })
    expect(closing("rate-limited", "slow down", true, 0)).toHaveProperty("retryAfterMs", 0)
  })

  it("becomes an error with the same code and the same retryability", () => {
    const error = closingError(closing("network", "broke"))
    expect(error).toBeInstanceOf(EverwireError)
    expect({ ...error, message: error.message }).toEqual({
      name: "EverwireError",
      code: "network",
      message: "broke",
      retryable: true,
    })
  })
})

describe("an error", () => {
  it("keeps its cause", () => {
    const cause = new Error("below")
    expect(new EverwireError("misuse", "above", { cause }).cause).toBe(cause)
  })

  it("for a broken protocol says what was wrong", () => {
    expect(protocolError("a gap")).toMatchObject({ code: "protocol-error", message: "a gap", retryable: false })
  })
})
