import type { Channel } from "everwire"
import type { ContractOf, HubContractOf } from "everwire/contract"
import type { Hub, Refusal } from "everwire/node"
import { createDuo, type Duo } from "everwire/testing"
import { describe, expect, expectTypeOf, it } from "vitest"
import { type Chat, chats, type ForChannel, type Sides } from "./chats.ts"

type ChatDuo = Duo<ContractOf<Chat>, HubContractOf<Chat>>

/** A value that nothing may tell of: neither an error, nor what the other side gets. */
const SECRET = "a secret that is much too long"

/** The hub checks, and the channel may send anything. */
async function start(contract: Chat): Promise<{ duo: ChatDuo; anyone: Channel; refusals: Refusal[] }> {
  const duo = await createDuo({ hub: { contract } })
  const refusals: Refusal[] = []
  duo.hub.onRefused((refusal) => refusals.push(refusal))
  return { duo, anyone: duo.channel, refusals }
}

/** The channel checks, and the hub may send anything. */
async function startChecking(
  contract: Chat,
): Promise<{ duo: Duo<ContractOf<Chat>>; anyone: Hub; errors: unknown[][] }> {
  const duo = await createDuo<ContractOf<Chat>>({ channel: { contract } })
  const errors: unknown[][] = []
  duo.channel.onError((error, stage) => errors.push([error, stage]))
  return { duo, anyone: duo.hub, errors }
}

/** Lets a request have its time, and returns what came of it. */
async function outcome({ runtime }: Pick<Duo, "runtime">, asked: Promise<unknown>): Promise<unknown> {
  const settled = asked.catch((error: unknown) => error)
  await runtime.pass(200)
  return await settled
}

const invalid = (message: string): Error => expect.objectContaining({ code: "payload-invalid", message }) as Error

it("the types of the three libraries are the same on both ends", () => {
  expectTypeOf<ContractOf<Sides["zod"]>["up"]["say"]>().toEqualTypeOf<ForChannel["up"]["say"]>()
  expectTypeOf<ContractOf<Sides["zod"]>>().branded.toEqualTypeOf<ForChannel>()
  expectTypeOf<ContractOf<Sides["valibot"]>>().branded.toEqualTypeOf<ForChannel>()
  expectTypeOf<ContractOf<Sides["arktype"]>["down"]>().branded.toEqualTypeOf<ForChannel["down"]>()
  expectTypeOf<HubContractOf<Sides["zod"]>["up"]["at"]>().toEqualTypeOf<Date>()
  expectTypeOf<HubContractOf<Sides["valibot"]>["up"]["at"]>().toEqualTypeOf<Date>()
  expectTypeOf<HubContractOf<Sides["arktype"]>["up"]["at"]>().toEqualTypeOf<Date>()
})

describe.each(chats)("a hub with a contract of %s", (_, contract) => {
  it("gives its handlers what the schema makes of a message", async () => {
    const { duo, anyone } = await start(contract)
    const heard: unknown[] = []
    for (const name of ["say", "move", "at", "typing", "picture"] as const) {
      duo.hub.on(name, (data: unknown) => heard.push([name, data]))
    }
    anyone.send("say", { text: "hi", unknown: 1 })
    anyone.send("move", {})
    anyone.send("at", "2020-01-01")
    anyone.send("typing")
    anyone.send("picture", new Uint8Array([1, 2]))
    await duo.runtime.pass(200)
    expect(heard).toEqual([
      ["say", { text: "hi" }],
      ["move", { x: 7 }],
      ["at", new Date("2020-01-01")],
      ["typing", undefined],
      ["picture", new Uint8Array([1, 2])],
    ])
  })

  it.each([
    ["say", { text: SECRET }, " at .text"],
    ["say", { text: 5 }, " at .text"],
    ["order", { items: [{ price: 1 }, { price: 2 }, { price: SECRET }] }, " at .items[2].price"],
    ["order", { items: [{ price: SECRET }, { price: SECRET }] }, " at .items[0].price, .items[1].price"],
    ["at", 5, ""],
    ["typing", null, ""],
    ["typing", SECRET, ""],
    ["picture", SECRET, ""],
    ["say", undefined, ""],
    ["say", new Uint8Array([1]), " at .text"],
  ])("refuses %s with %j, which reaches no handler", async (name, data, where) => {
    const { duo, anyone, refusals } = await start(contract)
    const heard: unknown[] = []
    for (const each of ["say", "order", "at", "typing", "picture"] as const)
      duo.hub.on(each, (given) => heard.push(given))
    anyone.send(name, data)
    anyone.send("say", { text: "after" })
    await duo.runtime.pass(200)
    expect(heard).toEqual([{ text: "after" }])
    expect(refusals).toEqual([
      expect.objectContaining({
        code: "payload-invalid",
        stage: "session",
        transport: "websocket",
        reason: `"${name}" does not fit the contract${where}`,
      }),
    ])
    expect(duo.hub.stats().refused).toEqual({ "payload-invalid": 1 })
    expect(duo.channel.status).toBe("open")
  })

  it("sends what the schema makes of a message: nothing else leaves", async () => {
    const { duo, anyone } = await start(contract)
    const heard: unknown[] = []
    anyone.on("said", (data) => heard.push(data))
    anyone.on("over", (data) => heard.push(data))
    const said = { from: "ann", password: SECRET }
    duo.peer.join("lobby")
    duo.hub.send("said", said)
    duo.peer.send("said", said)
    duo.hub.to("lobby").send("said", { ...said, level: 5 })
    duo.hub.send("over")
    await duo.runtime.pass(200)
    expect(heard).toEqual([{ from: "ann", level: 1 }, { from: "ann", level: 1 }, { from: "ann", level: 5 }, undefined])
  })

  it("throws at the call of a message of its own that does not fit, and sends nothing", async () => {
    const { duo, anyone } = await start(contract)
    const heard: unknown[] = []
    anyone.on("said", (data) => heard.push(data))
    duo.peer.join("lobby")
    const wrong = { from: 5, text: SECRET } as never
    for (const sender of [duo.hub, duo.peer, duo.hub.to("lobby")]) {
      expect(() => sender.send("said", wrong)).toThrow(invalid('"said" does not fit the contract at .from'))
    }
    await duo.runtime.pass(200)
    expect(heard).toEqual([])
    expect(duo.peer.bufferedBytes).toBe(0)
  })

  it("checks requests and replies", async () => {
    const { duo, anyone } = await start(contract)
    duo.hub.handle("history", ({ before }) => [`before ${before}`])
    duo.hub.handle("when", async (at) => ({ year: at.getUTCFullYear(), password: SECRET }))
    expect(await outcome(duo, anyone.request("history", {}))).toEqual(["before 9"])
    expect(await outcome(duo, anyone.request("when", "2020-05-05"))).toEqual({ year: 2020 })
  })

  it("fails a request that does not fit, without its handler", async () => {
    const { duo, anyone, refusals } = await start(contract)
    let calls = 0
    duo.hub.handle("history", () => [`${++calls}`])
    const failure = await outcome(duo, anyone.request("history", { before: SECRET }))
    expect(failure).toEqual(invalid('"history" does not fit the contract at .before'))
    expect(calls).toBe(0)
    expect(refusals).toEqual([
      expect.objectContaining({ code: "payload-invalid", stage: "session", reason: (failure as Error).message }),
    ])
  })

  it("fails a request whose reply does not fit, and tells onError where", async () => {
    const { duo, anyone } = await start(contract)
    const errors: unknown[][] = []
    duo.hub.onError((error, { stage, peer }) => errors.push([error, stage, peer?.id]))
    duo.hub.handle("history", () => ["fits", 5, { password: SECRET }] as never)
    duo.hub.handle("when", async () => ({ year: SECRET }) as never)
    const failed = expect.objectContaining({ code: "request-failed", message: "the handler failed" })
    expect(await outcome(duo, anyone.request("history", {}))).toEqual(failed)
    expect(await outcome(duo, anyone.request("when", "2020-05-05"))).toEqual(failed)
    expect(errors).toEqual([
      [invalid('the answer to "history" does not fit the contract at [1], [2]'), "request", duo.peer.id],
      [invalid('the answer to "when" does not fit the contract at .year'), "request", duo.peer.id],
    ])
  })

  it("checks what it asks, and what it is answered", async () => {
    const { duo, anyone } = await start(contract)
    const asked: unknown[] = []
    let answer: unknown = { sure: true, more: SECRET }
    anyone.handle("confirm", (data) => {
      asked.push(data)
      return answer
    })
    expect(await outcome(duo, duo.peer.request("confirm", { question: "sure?" }))).toEqual({ sure: true })
    const wrong = { question: 5 } as never
    expect(await outcome(duo, duo.peer.request("confirm", wrong))).toEqual(
      invalid('"confirm" does not fit the contract at .question'),
    )
    expect(asked).toEqual([{ question: "sure?" }])
    answer = { sure: SECRET }
    expect(await outcome(duo, duo.peer.request("confirm", { question: "sure?" }))).toEqual(
      invalid('the answer to "confirm" does not fit the contract at .sure'),
    )
  })
})

describe.each(chats)("a channel with a contract of %s", (_, contract) => {
  it("sends what it was given, if that fits", async () => {
    const { duo, anyone } = await startChecking(contract)
    const heard: unknown[] = []
    for (const name of ["say", "move", "at"]) anyone.on(name, (data) => heard.push(data))
    duo.channel.send("move", {})
    duo.channel.send("at", "2020-01-01")
    expect(() => duo.channel.send("say", { text: SECRET })).toThrow(invalid('"say" does not fit the contract at .text'))
    await duo.runtime.pass(200)
    expect(heard).toEqual([{}, "2020-01-01"])
  })

  it("gives its handlers only messages that fit; onError hears of the others", async () => {
    const { duo, anyone, errors } = await startChecking(contract)
    const heard: unknown[] = []
    duo.channel.on("said", (data) => heard.push(data))
    anyone.send("said", { from: SECRET, level: SECRET })
    anyone.send("said", { from: "ann", more: 1 })
    await duo.runtime.pass(200)
    expect(heard).toEqual([{ from: "ann", level: 1 }])
    expect(errors).toEqual([[invalid('"said" does not fit the contract at .level'), "message"]])
  })

  it("checks its requests and their replies", async () => {
    const { duo, anyone } = await startChecking(contract)
    let asked: unknown
    anyone.handle("history", (data) => {
      asked = data
      return ["x"]
    })
    anyone.handle("when", () => ({ year: SECRET }))
    expect(await outcome(duo, duo.channel.request("history", {}))).toEqual(["x"])
    expect(asked).toEqual({})
    asked = undefined
    const wrong = { before: SECRET } as never
    expect(await outcome(duo, duo.channel.request("history", wrong))).toEqual(
      invalid('"history" does not fit the contract at .before'),
    )
    expect(asked).toBe(undefined)
    expect(await outcome(duo, duo.channel.request("when", "2020-05-05"))).toEqual(
      invalid('the answer to "when" does not fit the contract at .year'),
    )
  })

  it("checks what the hub asks, and its own answers", async () => {
    const { duo, anyone, errors } = await startChecking(contract)
    const asked: unknown[] = []
    let answer = { sure: true }
    duo.channel.handle("confirm", (data) => {
      asked.push(data)
      return answer
    })
    const [peer] = anyone.peers.values()
    if (peer === undefined) throw new Error("there is a peer")
    expect(await outcome(duo, peer.request("confirm", { question: 5 }))).toEqual(
      invalid('"confirm" does not fit the contract at .question'),
    )
    expect(await outcome(duo, peer.request("confirm", { question: "sure?" }))).toEqual({ sure: true })
    expect(asked).toEqual([{ question: "sure?" }])
    expect(errors).toEqual([])
    answer = { sure: SECRET } as never
    expect(await outcome(duo, peer.request("confirm", { question: "sure?" }))).toMatchObject({ code: "request-failed" })
    expect(errors).toEqual([[invalid('the answer to "confirm" does not fit the contract at .sure'), "request"]])
  })
})
