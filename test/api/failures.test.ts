// Requests whose handler fails with a code of the application.

import { type Code, EverwireError, RequestFailure } from "everwire"
import { RequestFailure as RequestFailureOfTheHub } from "everwire/server"
import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, expectTypeOf, it } from "vitest"

/** A side that answers, the other one that asks, and what the answering side's onError heard. */
const ways = {
  "of the hub": ({ hub, channel }: Duo) => ({ answers: hub, asks: channel }),
  "of the channel": ({ channel, peer }: Duo) => ({ answers: channel, asks: peer }),
}

async function start(seatsOf: (typeof ways)["of the hub" | "of the channel"]) {
  const duo = await createDuo()
  const { answers, asks } = seatsOf(duo)
  const reported: unknown[] = []
  answers.onError((error: unknown) => reported.push(error))
  const ask = async (
    how: "request" | "stream",
    name: string,
  ): Promise<[error: EverwireError<string>, got: unknown[]]> => {
    const got: unknown[] = []
    const asking = (async () => {
      if (how === "request") got.push(await asks.request(name))
      else for await (const item of asks.stream(name)) got.push(item)
    })().catch((error: unknown) => error)
    await duo.runtime.pass(1_000)
    return [(await asking) as EverwireError<string>, got]
  }
  return { duo, answers, asks, reported, ask }
}

describe.each(Object.entries(ways))("a failure %s", (_, seatsOf) => {
  it("has the application's code, message and data, and nothing else of the error", async () => {
    const { answers, reported, ask } = await start(seatsOf)
    const data = { item: "gold", left: [0, null, "none"] }
    answers.handle("price", async () => {
      await Promise.resolve()
      throw new RequestFailure("not-found", "there is no gold", { data, cause: new Error("secret") })
    })
    const [error] = await ask("request", "price")
    expect(error).toBeInstanceOf(EverwireError)
    expect(error).toMatchObject({ name: "EverwireError", code: "not-found", message: "there is no gold", data })
    expect([error.retryable, error.cause]).toEqual([false, undefined])
    expect(reported).toEqual([])
  })

  it("ends a stream behind the items that came before it", async () => {
    const { answers, reported, ask } = await start(seatsOf)
    answers.handle("words", async function* () {
      yield await Promise.resolve("one")
      throw new RequestFailure("too-long", "that is enough", { data: 7 })
    })
    const [error, got] = await ask("stream", "words")
    expect(error).toMatchObject({ code: "too-long", message: "that is enough", data: 7 })
    expect([got, reported]).toEqual([["one"], []])
  })

  it("of another kind is hidden, an EverwireError of another call too, and reported where it was thrown", async () => {
    const { answers, reported, ask } = await start(seatsOf)
    const secrets = [
      new EverwireError("payload-unsupported", "data.password is a Symbol"),
      Object.assign(new Error("SELECT password"), { code: "not-found", data: { secret: 1 } }),
    ]
    for (const [n, secret] of secrets.entries()) {
      answers.handle(`secret ${n}`, () => Promise.reject(secret))
      const [error] = await ask("request", `secret ${n}`)
      expect(error).toMatchObject({ code: "request-failed", message: "the handler failed" })
      expect(error).not.toHaveProperty("data")
    }
    expect(reported).toEqual(secrets)
  })

  it("that a handler was given by another request is not passed on", async () => {
    const { answers, reported, ask } = await start(seatsOf)
    answers.handle("inner", () => {
      throw new RequestFailure("inner-failed", "a word for the first asker alone", { data: "secret" })
    })
    const [inner] = await ask("request", "inner")
    answers.handle("outer", () => Promise.reject(inner))
    const [outer] = await ask("request", "outer")
    expect(outer).toMatchObject({ code: "request-failed", message: "the handler failed" })
    expect(outer).not.toHaveProperty("data")
    expect(reported).toEqual([inner])
  })

  it.each([
    ["payload-unsupported", new Map()],
    ["payload-too-large", "x".repeat(2_000_000)],
  ])("with data that cannot be sent has the code %s, and the handler's side is told", async (code, data) => {
    const { answers, reported, ask } = await start(seatsOf)
    answers.handle("big", () => {
      throw new RequestFailure("not-found", "a message", { data })
    })
    const [error] = await ask("request", "big")
    expect(error).toMatchObject({ code, message: "the answer cannot be sent" })
    expect(reported).toMatchObject([{ name: "EverwireError", code }])
  })
})

describe("a RequestFailure", () => {
  it("refuses a code of everwire where it is written, and a code that is no name when it is made", () => {
    // @ts-expect-error it is one of everwire's
    expect(new RequestFailure("closed", "mine").code).toBe("closed")
    for (const code of ["", "a\nb", 5 as never, undefined as never]) {
      expect(() => new RequestFailure<string>(code, "")).toThrow(expect.objectContaining({ code: "misuse" }))
    }
    expect(RequestFailureOfTheHub).toBe(RequestFailure)
  })

  it("is told apart by its code, which the types know", () => {
    const read = (error: EverwireError<Code | "not-found">): string => {
      if (error.code === "not-found") return `it is not there: ${String(error.data)}`
      expectTypeOf(error.code).toExtend<Code | "not-found">()
      return error.message
    }
    expect(read(Object.assign(new EverwireError<"not-found">("not-found", ""), { data: 1 }))).toBe("it is not there: 1")
    expectTypeOf(new RequestFailure("not-found", "").code).toEqualTypeOf<"not-found">()
  })
})
