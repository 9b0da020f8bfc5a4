import { RequestFailure } from "everwire"
import { afterEach, describe, expect, it } from "vitest"
import { createRuntime, disposeAll, startDuo } from "../support/hub-server.ts"

afterEach(disposeAll)

const failing = (code: string, message?: string): Error =>
  expect.objectContaining({ name: "EverwireError", code, ...(message !== undefined && { message }) })

describe("requests", () => {
  it("are answered by the hub, with the value that the handler returns or that its promise resolves to", async () => {
    const { hub, channel, peer } = await startDuo()
    hub.handle("sum", (data) => (data as number[]).reduce((sum, n) => sum + n, 0))
    hub.handle("whose", async (_, from) => from.id)
    expect(await channel.request("sum", [1, 2, 3])).toBe(6)
    expect(await channel.request("whose")).toBe(peer.id)
  })

  it("are answered by the channel", async () => {
    const { channel, peer } = await startDuo()
    channel.handle("double", (data) => 2 * (data as number))
    channel.handle("later", async () => "done")
    expect(await peer.request("double", 21)).toBe(42)
    expect(await peer.request("later")).toBe("done")
  })

  it("are answered by the peer's own handler before the hub's", async () => {
    const { hub, channel, peer } = await startDuo()
    hub.handle("who", () => "hub")
    const off = peer.handle("who", () => "peer")
    expect(await channel.request("who")).toBe("peer")
    off()
    expect(await channel.request("who")).toBe("hub")
  })

  it("at the same time each get their own answer, in whatever order the answers come", async () => {
    const { hub, channel } = await startDuo()
    const waiting: (() => void)[] = []
    hub.handle("echo", (data) => {
      return new Promise((resolve) => {
        waiting.push(() => resolve(data))
        if (waiting.length === 100) for (const answer of waiting.reverse()) answer()
      })
    })
    const questions = Array.from({ length: 100 }, (_, n) => n)
    expect(await Promise.all(questions.map((n) => channel.request("echo", n)))).toEqual(questions)
  })

  it.each(["constructor", "__proto__", "valueOf", "then"])("may be called %j", async (name) => {
    const { hub, channel } = await startDuo()
    await expect(channel.request(name)).rejects.toThrow(failing("request-unhandled"))
    hub.handle(name, () => name)
    expect(await channel.request(name)).toBe(name)
  })

  it("without a handler fail with request-unhandled, in both directions", async () => {
    const { channel, peer } = await startDuo()
    await expect(channel.request("nothing")).rejects.toThrow(failing("request-unhandled"))
    await expect(peer.request("nothing")).rejects.toThrow(failing("request-unhandled"))
  })

  it("whose handler was removed fail with request-unhandled", async () => {
    const { hub, channel } = await startDuo()
    const off = hub.handle("page", () => 1)
    expect(await channel.request("page")).toBe(1)
    off()
    await expect(channel.request("page")).rejects.toThrow(failing("request-unhandled"))
  })

  it("time out after timeoutMs, and the other side's signal fires", async () => {
    const { hub, channel } = await startDuo()
    const aborted = new Promise<void>((resolve) => {
      hub.handle("slow", (_, __, { signal }) => {
        signal.addEventListener("abort", resolve)
        return new Promise(() => {})
      })
    })
    await expect(channel.request("slow", null, { timeoutMs: 20 })).rejects.toThrow(failing("request-timeout"))
    await aborted
  })

  it("never time out when timeoutMs is Infinity: no timer is set", async () => {
    let armed = 0
    const runtime = createRuntime()
    const counting = {
      ...runtime,
      after: (delayMs: number, run: () => void) => {
        if (delayMs === 12_345) armed++
        return runtime.after(delayMs, run)
      },
    }
    const { hub, channel } = await startDuo({}, { transports: ["websocket"], runtime: counting })
    hub.handle("echo", (data) => data)
    await channel.request("echo", 1, { timeoutMs: 12_345 })
    expect(armed).toBe(1)
    await channel.request("echo", 1, { timeoutMs: Number.POSITIVE_INFINITY })
    expect(armed).toBe(1)
  })

  it.each([Number.NaN, -1])("whose timeoutMs is %d, as from a missing setting, are misuse", async (timeoutMs) => {
    const { channel, hub } = await startDuo()
    hub.handle("slow", () => expect.unreachable())
    await expect(channel.request("slow", null, { timeoutMs })).rejects.toThrow(failing("misuse"))
  })

  it("are aborted by their AbortSignal, with its reason as the cause, and the other side's signal fires", async () => {
    const { channel, peer } = await startDuo()
    const controller = new AbortController()
    const aborted = new Promise<void>((resolve) => {
      channel.handle("slow", (_, __, { signal }) => {
        signal.addEventListener("abort", resolve)
        controller.abort("enough")
        return new Promise(() => {})
      })
    })
    const answer = peer.request("slow", null, { signal: controller.signal })
    await expect(answer).rejects.toThrow(failing("request-aborted"))
    await expect(answer).rejects.toMatchObject({ cause: "enough" })
    await aborted
  })

  it("are not sent when their AbortSignal has fired before", async () => {
    const { hub, channel } = await startDuo()
    hub.handle("slow", () => expect.unreachable())
    hub.handle("echo", (data) => data)
    await expect(channel.request("slow", null, { signal: AbortSignal.abort() })).rejects.toThrow(
      failing("request-aborted"),
    )
    await channel.request("echo")
  })

  it("that were answered leave no listener on their AbortSignal", async () => {
    const { hub, channel } = await startDuo()
    hub.handle("echo", (data) => data)
    const controller = new AbortController()
    let listeners = 0
    const signal = {
      aborted: false,
      addEventListener: (type: "abort", listener: () => void) => {
        listeners++
        controller.signal.addEventListener(type, listener)
      },
      removeEventListener: (type: "abort", listener: () => void) => {
        listeners--
        controller.signal.removeEventListener(type, listener)
      },
    }
    expect(await channel.request("echo", "x", { signal })).toBe("x")
    expect(listeners).toBe(0)
  })

  it("end on both sides when the session does", async () => {
    const { hub, channel, peer } = await startDuo()
    const signals: Promise<void>[] = []
    const asked = new Promise<void>((resolve) => {
      hub.handle("slow", (_, __, { signal }) => {
        signals.push(new Promise((fired) => signal.addEventListener("abort", fired)))
        resolve()
        return new Promise(() => {})
      })
    })
    const up = channel.request("slow")
    const down = peer.request("slow")
    channel.handle("slow", () => new Promise(() => {}))
    await asked
    const ends = [
      expect(up).rejects.toThrow(failing("closed-by-peer")),
      expect(down).rejects.toThrow(failing("closed")),
    ]
    peer.close()
    await Promise.all([...ends, ...signals])
  })

  it("with data that cannot be sent throw at the call", async () => {
    const { channel, peer } = await startDuo()
    await expect(channel.request("x", new Map())).rejects.toThrow(failing("payload-unsupported"))
    await expect(peer.request("x", 1n)).rejects.toThrow(failing("payload-unsupported"))
  })
})

describe("a handler of requests that fails", () => {
  it.each([
    ["rejects", () => Promise.reject(new Error("SELECT password FROM users at db-7.internal"))],
    [
      "throws",
      () => {
        throw Object.assign(new TypeError("SELECT password FROM users"), { code: "EDB7" })
      },
    ],
    [
      "rejects with what is no error",
      // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- other people's code does
      () => Promise.reject("SELECT password FROM users"),
    ],
  ])(
    "(it %s) does not reveal its error: the other side hears request-failed, the hub's onError all of it",
    async (_, fail) => {
      const { hub, channel, peer } = await startDuo()
      hub.handle("history", fail)
      const failed = new Promise((resolve) => hub.onError((error, context) => resolve([error, context])))
      const error: unknown = await channel.request("history").catch((caught: unknown) => caught)
      expect(error).toEqual(failing("request-failed"))
      expect(`${JSON.stringify(error)} ${(error as Error).message} ${String((error as Error).cause)}`).not.toMatch(
        /SELECT|internal|EDB7/,
      )
      const [told, context] = (await failed) as [unknown, unknown]
      expect(String(told)).toContain("SELECT password")
      expect(context).toEqual({ stage: "request", peer })
    },
  )

  it("passes on the code and message of a RequestFailure, and onError does not hear of it", async () => {
    const { hub, channel } = await startDuo()
    hub.onError(() => expect.unreachable())
    hub.handle("history", () => {
      throw new RequestFailure("no-member", "members only")
    })
    await expect(channel.request("history")).rejects.toThrow(failing("no-member", "members only"))
  })

  it("with an answer that cannot be sent is reported to onError, and the other side hears the code", async () => {
    const { hub, channel } = await startDuo()
    hub.handle("map", () => new Map())
    hub.handle("large", () => "x".repeat(2_000_000))
    await expect(channel.request("map")).rejects.toThrow(failing("payload-unsupported"))
    await expect(channel.request("large")).rejects.toThrow(failing("payload-too-large"))
  })

  it("on the channel reaches the hub as request-failed", async () => {
    const { channel, peer } = await startDuo()
    const failed = new Promise((resolve) => channel.onError((error, stage) => resolve([String(error), stage])))
    channel.handle("ask", () => {
      throw new Error("of the page")
    })
    await expect(peer.request("ask")).rejects.toThrow(failing("request-failed", "the handler failed"))
    expect(await failed).toEqual(["Error: of the page", "request"])
  })

  it("sends no answer when it fails after the other side has given up", async () => {
    const { hub, channel } = await startDuo()
    let fail = (_error: Error): void => {}
    const told: unknown[] = []
    hub.onError((error) => told.push(error))
    hub.handle(
      "slow",
      () =>
        new Promise((_, reject) => {
          fail = reject
        }),
    )
    hub.handle("echo", (data) => data)
    await expect(channel.request("slow", null, { timeoutMs: 10 })).rejects.toThrow(failing("request-timeout"))
    await channel.request("echo")
    const late = new Error("too late")
    fail(late)
    expect(await channel.request("echo", "fine")).toBe("fine")
    expect(told).toEqual([late])
  })
})
