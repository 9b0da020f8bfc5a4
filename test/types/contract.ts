// The same as client.ts, for contracts with schemas. The schemas are written by hand, because the declarations of the
// libraries do not compile with every compiler: test/contract has contracts of zod, valibot and arktype.

import { type Channel, createChannel } from "everwire"
import {
  type ContractOf,
  contract,
  type HubContractOf,
  nothing,
  type Schema,
  type SchemaContract,
} from "everwire/contract"
import { createHub as createNodeHub, type Peer, type Principal } from "everwire/node"
import { createHub, type Hub } from "everwire/server"
import { createDuo } from "everwire/testing"

declare const text: Schema<string>
declare const said: Schema<{ text: string; to?: string | undefined }>
/** Takes a text, and gives a Date. */
declare const date: Schema<string, Date>
/** Takes a Date, and gives a text. */
declare const stamp: Schema<Date, string>
declare const page: Schema<{ before?: number | undefined }, { before: number }>
declare const bytes: Schema<Uint8Array>
declare const anything: Schema<unknown>

const chat = contract({
  up: { say: said, typing: nothing, at: date, picture: bytes, whatever: anything },
  down: { said: text, seen: stamp, over: nothing },
  requests: { history: { input: page, output: stamp }, count: { output: text }, save: { input: text }, ping: {} },
  asks: { confirm: { input: stamp, output: date }, look: {} },
})

/** What a channel can check too: what comes down is what the schema takes. */
const plain = contract({ up: { at: date }, down: { said: text }, requests: { find: { input: page, output: text } } })

type ForChannel = ContractOf<typeof chat>
type ForHub = HubContractOf<typeof chat>

interface User extends Principal {
  readonly name: string
}

export function mustCompile(): readonly unknown[] {
  const channel = createChannel<ContractOf<typeof chat>>("https://host")
  channel.send("say", { text: "hi" })
  channel.send("typing")
  channel.send("at", "2020-01-01")
  channel.send("picture", new Uint8Array(1))
  channel.send("whatever")
  channel.on("said", (data) => data.length)
  channel.on("seen", (data: string) => data)
  const history: Promise<string> = channel.request("history", {})
  const count: Promise<string> = channel.request("count")
  const pong: Promise<undefined> = channel.request("ping", undefined, { timeoutMs: 5 })
  void channel.request("save", "x")
  channel.handle("confirm", (at) => at.slice(1))
  channel.handle("look", () => {})

  const hub = createHub({ contract: chat, authenticate: () => ({ id: "1", name: "ann" }) })
  hub.on("at", (at, peer) => at.getTime() + peer.principal.name.length)
  hub.on("say", ({ text: words }, peer) => peer.send("said", words))
  hub.on("typing", (data: undefined) => data)
  hub.send("seen", new Date())
  hub.send("over")
  hub.to("lobby").send("said", "x")
  hub.handle("history", ({ before }) => new Date(before))
  hub.handle("history", async ({ before }) => new Date(before))
  hub.handle("save", (words) => void words.length)
  hub.handle("ping", () => {})
  hub.onPeer((peer) => {
    const at: Promise<Date> = peer.request("confirm", new Date())
    peer.on("at", (given) => given.getTime())
    void at
  })
  const named: Hub<ForHub, User> = hub
  const peer: Peer<ForHub, User> | undefined = hub.peers.get("x")
  const own = createNodeHub<ForHub, User, number>({ contract: chat, authenticate: () => ({ id: "1", name: "ann" }) })
  own.onPeer(({ data }) => data + 1)
  const any: readonly [Channel, Hub] = [channel, hub]

  const checking = createChannel("https://host", { contract: plain })
  checking.send("at", "2020-01-01")
  checking.on("said", (data) => data.length)
  const same: Channel<ContractOf<typeof plain>> = checking
  const made: SchemaContract<unknown> = plain
  const duo = createDuo({ hub: { contract: plain }, channel: { contract: plain } })
  void duo.then((both) => both.hub.on("at", (at) => at.getTime()))
  void duo.then((both) => both.channel.send("at", "x"))
  return [history, count, pong, named, peer, any, same, made]
}

export function mustNotCompile(): void {
  const channel = createChannel<ForChannel>("https://host")
  const hub = createHub({ contract: chat })
  // @ts-expect-error data is required
  channel.send("say")
  // @ts-expect-error what the schema takes is a text
  channel.send("at", new Date())
  // @ts-expect-error nothing goes with it
  channel.send("typing", 5)
  // @ts-expect-error no such message
  channel.send("sya", { text: "hi" })
  // @ts-expect-error nothing is taken
  void channel.request("count", 5)
  // @ts-expect-error a text is answered
  channel.handle("confirm", () => 5)
  // @ts-expect-error nothing is answered
  channel.handle("look", () => 5)
  // @ts-expect-error what the schema takes is a Date
  hub.send("seen", "2020-01-01")
  // @ts-expect-error data is required
  hub.to("lobby").send("said")
  // @ts-expect-error no such message comes up
  hub.on("said", () => {})
  // @ts-expect-error a Date is wanted
  hub.handle("history", () => "2020-01-01")
  // @ts-expect-error the contract of the hub is another
  createHub<HubContractOf<typeof plain>>({ contract: chat })
  // @ts-expect-error the channel's side is not the hub's
  createHub<ForChannel>({ contract: chat })
  // @ts-expect-error what comes down is changed by its schema, so a channel cannot apply that again
  createChannel("https://host", { contract: chat })
  // @ts-expect-error a contract is made by `contract`
  createHub({ contract: { up: { say: said } } })
  // @ts-expect-error a Date does not cross upwards
  contract({ up: { seen: stamp } })
  // @ts-expect-error a Date does not cross downwards
  contract({ down: { at: date } })
  // @ts-expect-error a Date in what is asked
  contract({ requests: { x: { input: stamp } } })
  // @ts-expect-error a Date in what is answered
  contract({ requests: { x: { output: date } } })
  // @ts-expect-error a Date in what the hub asks
  contract({ asks: { x: { input: date } } })
  // @ts-expect-error a Date in what the channel answers
  contract({ asks: { x: { output: stamp } } })
  // @ts-expect-error a type is no schema
  contract({ up: { x: "string" } })
  // @ts-expect-error a map that is misspelt
  contract({ dwn: { x: text } })
  // @ts-expect-error a part that is misspelt
  contract({ requests: { x: { inputs: text } } })
  // @ts-expect-error a request has parts
  contract({ requests: { x: text } })
}
