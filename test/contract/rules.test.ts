import { createChannel, EverwireError } from "everwire"
import { contract, nothing, type Schema, type SchemaIssue } from "everwire/contract"
import { createHub, type Refusal } from "everwire/server"
import { createDuo, type Duo } from "everwire/testing"
import { afterEach, describe, expect, it, vi } from "vitest"

afterEach(() => void vi.restoreAllMocks())

type Validate = Schema["~standard"]["validate"]

/** A schema with this function. What it was given is counted by the mock. */
function schemaOf(validate: Validate): Schema & { readonly mock: ReturnType<typeof vi.fn<Validate>> } {
  const mock = vi.fn(validate)
  return { mock, "~standard": { version: 1, vendor: "test", validate: mock } }
}

const any = schemaOf((value) => ({ value }))
const none = schemaOf(() => ({ issues: [{ message: "no" }] }))
const throwing = schemaOf(() => {
  throw new Error("a fault of the application")
})
const rejecting = schemaOf(() => Promise.reject(new Error("a fault of the application")))
/** What is no result of a schema. */
const broken = schemaOf(() => undefined as never)

const coded = (code: string, message?: string): Error =>
  expect.objectContaining({ name: "EverwireError", code, ...(message !== undefined && { message }) }) as Error

/** Lets a request have its time, and returns what came of it. */
async function outcome({ runtime }: Pick<Duo, "runtime">, asked: Promise<unknown>, ms = 200): Promise<unknown> {
  const settled = asked.catch((error: unknown) => error)
  await runtime.pass(ms)
  return await settled
}

/** A duo whose hub checks, with what its two listeners heard. */
async function start<S extends Parameters<typeof contract>[0]>(schemas: S) {
  const duo = await createDuo<never>({ hub: { contract: contract(schemas as never) as never } })
  const errors: unknown[][] = []
  const refusals: Refusal[] = []
  duo.hub.onError((error, { stage }) => errors.push([error, stage]))
  duo.hub.onRefused((refusal) => refusals.push(refusal))
  return { ...duoParts(duo), errors, refusals }
}

function duoParts(duo: Duo) {
  return { duo, hub: duo.hub, peer: duo.peer, channel: duo.channel, runtime: duo.runtime }
}

describe("a name that the contract does not have", () => {
  it.each(["sya", "constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])(
    "%s: a message is refused",
    async (name) => {
      const { hub, channel, runtime, refusals } = await start({ up: { say: any } })
      const heard: unknown[] = []
      hub.on(name, (data) => heard.push(data))
      channel.send(name, 1)
      await runtime.pass(200)
      expect(heard).toEqual([])
      expect(refusals.map(({ code, reason }) => [code, reason])).toEqual([
        ["payload-invalid", `the contract has no message "${name}"`],
      ])
    },
  )

  it.each(["find", "constructor", "__proto__"])("%s: a request is not handled", async (name) => {
    const { duo, hub, channel } = await start({ up: { say: any } })
    hub.handle(name, () => 1)
    expect(await outcome(duo, channel.request(name))).toEqual(coded("request-unhandled"))
  })

  it("is misuse where it is said or asked", async () => {
    const { duo, hub, peer } = await start({ down: { said: any } })
    expect(() => hub.send("siad", 1)).toThrow(coded("misuse", 'the contract has no message "siad" to send from here'))
    expect(() => peer.send("constructor", 1)).toThrow(coded("misuse"))
    expect(await outcome(duo, peer.request("confirm"))).toEqual(coded("misuse"))
  })

  it("may be one that every object has, if the contract has it", async () => {
    const { hub, channel, runtime } = await start({ up: { constructor: any, ["__proto__"]: any } })
    const heard: unknown[] = []
    for (const name of ["constructor", "__proto__"]) hub.on(name, (data) => heard.push([name, data]))
    channel.send("constructor", 1)
    channel.send("__proto__", 2)
    await runtime.pass(200)
    expect(heard).toEqual([
      ["constructor", 1],
      ["__proto__", 2],
    ])
  })

  it("is printed in ASCII, because anybody may have sent it", async () => {
    const { channel, runtime, refusals } = await start({ up: {} })
    channel.send("x\u202ey", 1)
    await runtime.pass(200)
    expect(refusals.map(({ reason }) => reason)).toEqual(['the contract has no message "x?y"'])
  })
})

describe("a request without input or output", () => {
  it("takes nothing, and is answered with nothing", async () => {
    const { duo, hub, channel, errors } = await start({ requests: { ping: {} } })
    let answer: unknown
    hub.handle("ping", () => answer)
    expect(await outcome(duo, channel.request("ping"))).toBe(undefined)
    expect(await outcome(duo, channel.request("ping", 1))).toEqual(coded("payload-invalid"))
    answer = { password: "secret" }
    expect(await outcome(duo, channel.request("ping"))).toEqual(coded("request-failed"))
    expect(errors).toEqual([[coded("payload-invalid"), "request"]])
  })
})

describe("how often a schema is asked", () => {
  it("is once for each packet, not for each handler", async () => {
    const up = schemaOf((value) => ({ value }))
    const { hub, peer, channel, runtime } = await start({ up: { say: up } })
    const heard: unknown[] = []
    for (const on of [hub, hub, peer]) on.on("say", (data) => heard.push(data))
    channel.send("say", 1)
    await runtime.pass(200)
    expect(heard).toEqual([1, 1, 1])
    expect(up.mock).toHaveBeenCalledTimes(1)
  })

  it("is once for a broadcast, however many peers there are", async () => {
    const down = schemaOf((value) => ({ value }))
    const hub = createHub({ contract: contract({ down: { said: down } }) })
    hub.send("said", 1)
    hub.to("a", "b").send("said", 1)
    expect(down.mock).toHaveBeenCalledTimes(2)
    await hub.close()
  })
})

describe("a schema that throws, or answers what is no result", () => {
  it.each([
    ["throws", throwing],
    ["is broken", broken],
  ])("%s: a message is dropped and told to onError", async (_, schema) => {
    const { hub, channel, runtime, errors, refusals } = await start({ up: { say: schema, after: any } })
    const heard: unknown[] = []
    for (const name of ["say", "after"]) hub.on(name, (data) => heard.push(data))
    channel.send("say", 1)
    channel.send("after", 2)
    await runtime.pass(200)
    expect(heard).toEqual([2])
    expect(errors).toEqual([[expect.any(Error), "message"]])
    expect(errors[0]?.[0]).not.toBeInstanceOf(EverwireError)
    expect(refusals).toEqual([])
  })

  it.each([
    ["input throws", { input: throwing, output: any }],
    ["input rejects", { input: rejecting, output: any }],
    ["input is broken", { input: broken, output: any }],
    ["output throws", { input: any, output: throwing }],
    ["output rejects", { input: any, output: rejecting }],
    ["output is broken", { input: any, output: broken }],
  ])("%s: the asker learns nothing of it, and onError everything", async (_, find) => {
    const { duo, hub, channel, errors } = await start({ requests: { find } })
    hub.handle("find", () => 1)
    expect(await outcome(duo, channel.request("find", 1))).toEqual(coded("request-failed", "the handler failed"))
    expect(errors).toEqual([[expect.any(Error), "request"]])
  })

  it("is misuse where something is said or asked, with what it threw as the cause", async () => {
    const asks = { x: { input: throwing, output: any }, y: { input: any, output: rejecting } }
    const { duo, hub, peer, channel } = await start({ down: { said: throwing }, asks })
    const cause = expect.objectContaining({ message: "a fault of the application" }) as Error
    expect(() => hub.send("said", 1)).toThrow(expect.objectContaining({ code: "misuse", cause }) as Error)
    channel.handle("y", () => 1)
    for (const name of ["x", "y"]) {
      expect(await outcome(duo, peer.request(name, 1))).toMatchObject({ code: "misuse", cause })
    }
  })
})

describe("a schema that is asynchronous", () => {
  /** Takes this long, and fits what is not "no". */
  const slow = (runtime: Duo["runtime"], ms: number): Schema =>
    schemaOf(
      (value) =>
        new Promise((resolve) => {
          runtime.after(ms, () => resolve(value === "no" ? { issues: [{ message: "no" }] } : { value }))
        }),
    )
  /** The runtime is there when the schemas are asked. */
  const late = async (of: (slowly: (ms: number) => Schema) => Parameters<typeof contract>[0]) => {
    const made: { runtime?: Duo["runtime"] } = {}
    const slowly = (ms: number): Schema =>
      schemaOf((value) => slow(made.runtime as Duo["runtime"], ms)["~standard"].validate(value))
    const started = await start(of(slowly))
    made.runtime = started.runtime
    return started
  }

  it("is misuse for a message, said or heard, and its late verdict is nobody's error", async () => {
    const unhandled = vi.fn()
    process.on("unhandledRejection", unhandled)
    const { hub, channel, runtime, errors, refusals } = await start({
      up: { say: rejecting },
      down: { said: rejecting },
    })
    const heard: unknown[] = []
    hub.on("say", (data) => heard.push(data))
    expect(() => hub.send("said", 1)).toThrow(coded("misuse"))
    channel.send("say", 1)
    await runtime.pass(200)
    await new Promise((resolve) => setImmediate(resolve))
    process.off("unhandledRejection", unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect(heard).toEqual([])
    expect(refusals).toEqual([])
    expect(errors).toEqual([[coded("misuse"), "message"]])
  })

  it("is waited for on both sides of a request, in both directions", async () => {
    const parts = (slowly: (ms: number) => Schema) => ({ input: slowly(50), output: slowly(50) })
    const { duo, hub, peer, channel } = await late((slowly) => ({
      requests: { x: parts(slowly) },
      asks: { y: parts(slowly) },
    }))
    hub.handle("x", (data) => data)
    channel.handle("y", (data) => data)
    expect(await outcome(duo, channel.request("x", "yes"))).toBe("yes")
    expect(await outcome(duo, peer.request("y", "yes"))).toBe("yes")
    expect(await outcome(duo, channel.request("x", "no"))).toEqual(coded("payload-invalid"))
    expect(await outcome(duo, peer.request("y", "no"))).toEqual(coded("payload-invalid"))
  })

  it("takes its time from the deadline of the request", async () => {
    const { duo, hub, peer, channel, runtime } = await late((slowly) => ({
      requests: { x: { input: slowly(5_000), output: any } },
      asks: { y: { input: slowly(300), output: any }, z: { input: any, output: slowly(5_000) } },
    }))
    const calls: unknown[] = []
    hub.handle("x", (data) => calls.push(data))
    channel.handle("y", () => new Promise(() => {}))
    channel.handle("z", () => 1)
    expect(await outcome(duo, channel.request("x", 1, { timeoutMs: 1_000 }), 1_100)).toEqual(coded("request-timeout"))
    await runtime.pass(10_000)
    expect(calls).toEqual([]) // nobody waits for it any more
    expect(await outcome(duo, peer.request("y", 1, { timeoutMs: 200 }), 250)).toEqual(coded("request-timeout"))
    const started = runtime.now()
    const both = peer.request("y", 1, { timeoutMs: 1_000 }).catch(() => runtime.now() - started)
    await runtime.pass(2_000)
    expect(await both).toBe(1_000)
    expect(await outcome(duo, peer.request("z", 1, { timeoutMs: 1_000 }), 1_100)).toEqual(coded("request-timeout"))
  })

  it("is waited for no longer than the signal allows, and then nothing is sent", async () => {
    const { duo, peer, channel, runtime } = await late((slowly) => ({
      asks: { y: { input: slowly(300), output: any } },
    }))
    const asked: unknown[] = []
    channel.handle("y", (data) => asked.push(data))
    const controller = new AbortController()
    const request = peer.request("y", 1, { signal: controller.signal })
    controller.abort("enough")
    expect(await outcome(duo, request, 10)).toMatchObject({ code: "request-aborted", cause: "enough" })
    expect(await outcome(duo, peer.request("y", 1, { signal: controller.signal }), 10)).toEqual(
      coded("request-aborted"),
    )
    await runtime.pass(1_000)
    expect(asked).toEqual([])
  })

  it("counts as an open request while it is busy", async () => {
    const made: { runtime?: Duo["runtime"] } = {}
    const input = schemaOf((value) => slow(made.runtime as Duo["runtime"], 1_000)["~standard"].validate(value))
    const duo = await createDuo<never>({
      hub: {
        limits: { maxRequestBytes: 1_200 },
        contract: contract({ requests: { x: { input, output: any } } }) as never,
      },
    })
    made.runtime = duo.runtime
    const { hub, channel } = duoParts(duo)
    hub.handle("x", () => 1)
    const outcomes = Promise.allSettled([1, 2, 3, 4].map((data) => channel.request("x", data)))
    await duo.runtime.pass(3_000)
    const codes = (await outcomes).map((each) =>
      each.status === "fulfilled" ? "answered" : (each.reason as EverwireError).code,
    )
    expect(codes).toEqual(["answered", "answered", "rate-limited", "rate-limited"])
    expect(await outcome(duo, channel.request("x", 5), 3_000)).toBe(1) // the room is free again
  })
})

describe("where an error says that something does not fit", () => {
  const reasonOf = async (issues: readonly SchemaIssue[]): Promise<string | undefined> => {
    const { channel, runtime, refusals } = await start({ up: { say: schemaOf(() => ({ issues })) } })
    channel.send("say", 1)
    await runtime.pass(200)
    return refusals[0]?.reason
  }

  it.each<[string, readonly SchemaIssue["path"][], string]>([
    ["the whole", [undefined, []], ""],
    ["keys and indexes", [["items", 2, "price"]], " at .items[2].price"],
    ["keys as objects", [[{ key: "items" }, { key: 0 }]], " at .items[0]"],
    ["the same twice", [["a"], ["a"], ["b"]], " at .a, .b"],
    ["many", [["a"], ["b"], ["c"], ["d"], ["e"]], " at .a, .b, .c and elsewhere"],
    ["a key with spaces", [["a b"]], ' at ["a b"]'],
    ["a symbol", [[Symbol("secret")]], " at [symbol]"],
    ["what would forge a line", [["x\r\n\u001b[31m\u202eevil\u0000ü"]], ' at ["x\\r\\n\\u001b[31m?evil\\u0000?"]'],
    ["prototype keys", [["__proto__", "constructor"]], " at .__proto__.constructor"],
  ])("%s", async (_, paths, where) => {
    const issues = paths.map((path) => ({ message: "a secret", path }))
    expect(await reasonOf(issues)).toBe(`"say" does not fit the contract${where}`)
  })

  it("is short, whatever is sent", async () => {
    const deep = await reasonOf([{ message: "", path: Array.from({ length: 100_000 }, () => "deep") }])
    const long = await reasonOf([{ message: "", path: ["x".repeat(1_000_000)] }])
    const wide = await reasonOf(
      Array.from({ length: 100_000 }, (__, at) => ({ message: "", path: [`${at}`.repeat(200)] })),
    )
    for (const reason of [deep, long, wide]) {
      expect(reason).toMatch(/\.\.\.( and elsewhere)?$/)
      expect(reason?.length).toBeLessThan(350)
    }
  })
})

describe("of how many issues the place is looked at", () => {
  it.each([
    ["equal", (): string => "same", 30],
    ["different", (at: number): string => `k${at}`, 4],
  ])("%s ones: few, whatever is sent", async (_, keyOf, most) => {
    let looks = 0
    const issues = Array.from({ length: 10_000 }, (__, at) => ({
      message: "",
      get path() {
        looks++
        return [keyOf(at)]
      },
    }))
    const { channel, runtime, refusals } = await start({ up: { say: schemaOf(() => ({ issues })) } })
    channel.send("say", 1)
    await runtime.pass(200)
    expect(refusals).toHaveLength(1)
    expect(looks).toBe(most)
  })
})

describe("a channel that checks", () => {
  it("tells onError of a name that the contract does not have, and of a schema that throws", async () => {
    const duo = await createDuo<never>({ channel: { contract: contract({ down: { said: throwing } }) as never } })
    const { hub, channel, runtime } = duoParts(duo)
    const errors: unknown[][] = []
    channel.onError((error, stage) => errors.push([error, stage]))
    channel.on("sya", () => expect.unreachable())
    channel.on("said", () => expect.unreachable())
    hub.send("sya", 1)
    hub.send("said", 1)
    await runtime.pass(200)
    expect(errors).toEqual([
      [coded("payload-invalid", 'the contract has no message "sya"'), "message"],
      [expect.objectContaining({ message: "a fault of the application" }), "message"],
    ])
  })
})

describe("contract", () => {
  it.each([
    ["a map that does not exist", { dwn: {} }],
    ["a map that is none", { up: 5 }],
    ["what is no schema", { up: { say: {} } }],
    ["a schema of another version", { up: { say: { "~standard": { version: 2, validate: () => ({ value: 1 }) } } } }],
    ["null", { up: { say: null } }],
    ["a name that is none", { up: { "a\tb": any } }],
    ["a part that does not exist", { requests: { x: { outputs: any } } }],
    ["a schema in the place of parts", { requests: { x: any } }],
    ["an input that is no schema", { asks: { x: { input: 5 } } }],
  ])("refuses %s", (_, schemas) => {
    expect(() => contract(schemas as never)).toThrow(coded("misuse"))
  })

  it("refuses to be called with nothing", () => {
    expect(() => contract(undefined as never)).toThrow(coded("misuse"))
  })

  it("is the only thing that the option takes", () => {
    expect(() => createHub({ contract: { up: { say: none } } as never })).toThrow(coded("misuse"))
    expect(() => createChannel("http://host", { contract: { up: {} } as never })).toThrow(coded("misuse"))
  })

  it("has a schema for what has no data", () => {
    const { validate } = nothing["~standard"]
    expect(validate(undefined)).toEqual({ value: undefined })
    expect(validate(null)).toHaveProperty("issues")
  })
})
