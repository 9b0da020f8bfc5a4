import { EverwireError } from "everwire"
import { type Acceptor, createHub, type HttpExchange, type Hub } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"

const HELLO = {
  v: 1,
  id: "session-of-the-answers-test",
  key: "the-key-of-the-answers-test",
  heard: 0,
  acked: 0,
  holder: "one-holder-of-twenty-two",
  turn: 1,
}

/** Gives the hub a request; each answer is pushed to `answers`. */
function ask(hub: Hub, path: string, body: string, answers: string[], fails = false): void {
  const exchange: HttpExchange = {
    method: "POST",
    path,
    address: undefined,
    query: () => undefined,
    header: () => undefined,
    body: () => Promise.resolve(new TextEncoder().encode(body)),
    respond(status, _headers, text) {
      if (fails) throw new Error("nobody is there")
      answers.push(`${status} ${text}`)
    },
    stream() {
      throw new Error("not asked for")
    },
    onAbort() {},
  }
  hub.exchange(exchange)
}

describe("a poll that is held", () => {
  it("is held for its own hold time, also when the poll before it was answered in the middle of its hold", async () => {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime, transports: ["long-poll"], holdMs: 10_000 })
    const answers: string[] = []
    const path = "/everwire/long-poll"
    ask(hub, path, `@{"up":1,"poll":1}\nh${JSON.stringify(HELLO)}`, answers)
    await runtime.pass(1)
    const { link } = JSON.parse(/@(.*)/.exec(answers.pop() ?? "")?.[1] ?? "")
    ask(hub, path, `@{"link":"${link}","poll":2}`, answers)
    await runtime.pass(6_000)
    hub.send("news", 1)
    await runtime.pass(1)
    expect(answers.splice(0)).toEqual([expect.stringContaining("mnews\t1")])
    ask(hub, path, `@{"link":"${link}","poll":3}`, answers)
    await runtime.pass(9_998)
    expect(answers).toEqual([])
    await runtime.pass(2)
    expect(answers).toEqual([expect.stringMatching(/^200 @.*"poll":3}$/)])
    await hub.close()
  })
})

describe("an application's own acceptor that fails", () => {
  const failing = (exchange: () => Promise<void> | void): Acceptor => ({ name: "own", open: () => ({ exchange }) })
  const rejects = (error: Error) => failing(() => Promise.reject(error))
  const throws = (error: Error) =>
    failing(() => {
      throw error
    })

  async function answersOf(acceptor: Acceptor, fails = false): Promise<{ answers: string[]; reported: unknown[] }> {
    const runtime = createVirtualRuntime()
    const hub = createHub({ runtime, transports: [acceptor] })
    const reported: unknown[] = []
    hub.onError((error) => void reported.push(error))
    const answers: string[] = []
    ask(hub, "/everwire/own", "", answers, fails)
    await runtime.pass(1)
    return { answers, reported }
  }

  it.each([
    ["rejects", rejects],
    ["throws", throws],
  ])("and %s with an EverwireError is answered with the code of that error", async (_, fail) => {
    const { answers, reported } = await answersOf(fail(new EverwireError("too-large", "that is too much")))
    expect(answers).toEqual([expect.stringMatching(/^413 .*"code":"too-large","reason":"that is too much"/)])
    expect(reported).toEqual([])
  })

  it.each([
    ["rejects", rejects],
    ["throws", throws],
  ])("and %s with any other error is answered 500 without its message, and onError hears of it", async (_, fail) => {
    const bug = new Error("a secret of the server")
    const { answers, reported } = await answersOf(fail(bug))
    expect(answers).toEqual([expect.stringMatching(/^500 .*"code":"refused","reason":"the hub failed"/)])
    expect(reported).toEqual([bug])
  })

  it("and cannot be answered has both errors reported", async () => {
    const bug = new Error("a bug")
    const { answers, reported } = await answersOf(rejects(bug), true)
    expect(answers).toEqual([])
    expect(reported).toEqual([bug, new Error("nobody is there")])
  })
})
