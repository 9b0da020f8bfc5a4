import { createChannel } from "everwire"
import { type ContractOf, contract, type HubContractOf } from "everwire/contract"
import { msgpack } from "everwire/msgpack"
import { createHub, json } from "everwire/server"
import { createDuo } from "everwire/testing"
import { expect, expectTypeOf, it } from "vitest"
import { z } from "zod"

/** A contract whose data JSON cannot carry. */
const visits = contract({
  codec: "msgpack",
  up: { seen: z.object({ at: z.date() }) },
  down: { total: z.object({ count: z.bigint(), since: z.date() }) },
  requests: {
    last: { input: z.set(z.string()), output: z.map(z.string(), z.date()) },
    watch: { items: z.date(), inputItems: z.date() },
  },
  asks: { now: { output: z.date() } },
})

const misuse = (message: string): Error => expect.objectContaining({ code: "misuse", message }) as Error

it("data that only another codec carries is checked on both ends, and arrives as it is", async () => {
  const day = new Date(86_400_000)
  const duo = await createDuo<ContractOf<typeof visits>, HubContractOf<typeof visits>>({
    hub: { contract: visits, codecs: [msgpack()] },
    channel: { contract: visits, codec: msgpack() },
    serve: (hub) => {
      hub.on("seen", ({ at }, peer) => {
        peer.send("total", { count: 2n ** 64n, since: at })
        hub.send("total", { count: 1n, since: at })
      })
      hub.handle("last", (names) => new Map([...names].map((name) => [name, day])))
      hub.handle("watch", async function* (_, __, { input }) {
        for await (const at of input) yield new Date(Number(at) + 1)
      })
    },
  })
  duo.channel.handle("now", () => day)
  const heard: unknown[] = []
  duo.channel.on("total", (total) => heard.push(total))
  duo.channel.send("seen", { at: day })
  const answer = duo.channel.request("last", new Set(["ann"]))
  const asked = duo.peer.request("now")
  const days = async function* () {
    yield day
  }
  const items = duo.channel.stream("watch", undefined, { input: days() })
  void (async () => {
    for await (const item of items) heard.push(item)
  })()
  await duo.runtime.pass(1_000)
  expect(await answer).toEqual(new Map([["ann", day]]))
  expect(await asked).toEqual(day)
  expect(heard).toEqual(
    expect.arrayContaining([{ count: 2n ** 64n, since: day }, { count: 1n, since: day }, new Date(Number(day) + 1)]),
  )
  expectTypeOf<ContractOf<typeof visits>["down"]["total"]>().toEqualTypeOf<{ count: bigint; since: Date }>()
  expect(duo.errors).toEqual([])
})

it("what does not fit is refused as with JSON", async () => {
  const duo = await createDuo({ hub: { contract: visits, codecs: [msgpack()] }, channel: { codec: msgpack() } })
  const refused: unknown[] = []
  duo.hub.onRefused(({ reason }) => refused.push(reason))
  const heard: unknown[] = []
  duo.hub.on("seen", (data) => heard.push(data))
  duo.channel.send("seen", { at: "1970-01-02" as never })
  await duo.runtime.pass(200)
  expect([heard, refused]).toEqual([[], ['"seen" does not fit the contract at .at']])
})

it("without the name of its codec, the compiler refuses what JSON would change", () => {
  // @ts-expect-error a Date would be changed
  contract({ down: { total: z.date() } })
  // @ts-expect-error no map of a contract
  expect(() => contract({ codec: "msgpack", downs: { total: z.date() } })).toThrow('contract has no option "downs"')
})

it("a hub that does not have the codec is misuse", async () => {
  const said = misuse('the contract is for the codec "msgpack", which is not among codecs')
  expect(() => createHub({ contract: visits })).toThrow(said)
  expect(() => createHub({ contract: visits, codecs: [json] })).toThrow(said)
  await createHub({ contract: visits, codecs: [json, msgpack()] }).close()
})

it("a channel that checks and has another codec is misuse", async () => {
  const said = misuse('the contract is for the codec "msgpack": give it to createChannel')
  expect(() => createChannel("http://hub.test", { contract: visits })).toThrow(said)
  const contractOfJson = contract({ codec: "json", up: { say: z.string() } })
  expect(() => createChannel("http://hub.test", { contract: contractOfJson, codec: msgpack() })).toThrow(
    misuse('the contract is for the codec "json": give it to createChannel'),
  )
  await createChannel("http://hub.test", { contract: contractOfJson }).close()
})
