// Calls that must compile in an application, and calls that must not, for the client and the runtime-neutral hub. This
// file never runs: `npm run types` compiles it against the built package with every TypeScript from 5.0 on, and `npm
// run typecheck` against the sources.

import { type Channel, type Contract, createChannel, longPoll, type RequestContext, type Unsubscribe } from "everwire"
import { createChannel as createCoreChannel, websocket } from "everwire/core"
import { createHub, type Hub, type Peer, type Principal } from "everwire/server"

/** A recursive type, as of trees. */
interface Branch {
  readonly name: string
  readonly branches: readonly Branch[]
}

/** The usual type for all JSON values. */
type Json = string | number | boolean | null | Json[] | { readonly [key: string]: Json }

export interface Chat {
  up: {
    chat: { text: string; replyTo?: number | undefined }
    typing: undefined
    mood: "good" | "bad" | null
    tree: Branch
    picture: Uint8Array
    whatever: unknown
    /** An object like an Error, but without a stack. */
    notice: { name: string; message: string }
    maybe: string | undefined
    json: Json
    pair: readonly [number, string?]
    lists: { readonly name: string; readonly items: readonly { readonly tags: string[] }[] }[]
    things: unknown[]
  }
  down: { said: { from: string; text: string }; tick: number; file: ArrayBuffer }
  requests: {
    history(data: { before: number }): Promise<string[]>
    count(): number
    save(text: string): void
    find(filter?: { by: string }): Branch | null
    edit(base: number): { ok: true; version: number } | { ok: false; missed: string[] }
  }
  asks: { confirm(question: string): boolean; choose(question: string): "keep" | "drop" }
}

/** A smaller contract than Chat: a function that takes a channel of it can be given a channel of Chat. */
interface Typing {
  up: { typing: undefined }
  down: { tick: number }
}
/** Each map has one entry that differs from Chat's. */
interface OtherUp {
  up: { chat: { words: string } }
}
interface OtherDown {
  down: { tick: string }
}
interface OtherRequest {
  requests: { count(): string }
}
interface OtherAsk {
  asks: { confirm(question: number): boolean }
}
declare function takeAny(given: Channel): void
declare function take<C extends Contract<C>>(given: Channel<C>): void

declare const channel: Channel<Chat>
declare const typing: Channel<Typing>
declare const untyped: Channel
declare const hub: Hub<Chat>
declare const peer: Peer<Chat>

export function mustCompile(): readonly unknown[] {
  const made: Channel<Chat> = createChannel<Chat>("https://host")
  takeAny(channel)
  take<Chat>(channel)
  take<Typing>(channel)
  take<Chat>(untyped)
  channel.send("chat", { text: "hi" })
  channel.send("chat", { text: "hi", replyTo: undefined })
  channel.send("typing")
  channel.send("maybe")
  channel.send("maybe", "x")
  channel.send("mood", null)
  channel.send("json", { a: [1, { b: null }] })
  channel.send("pair", [1])
  channel.send("lists", [{ name: "x", items: [{ tags: ["y"] }] }])
  channel.send("things", [1, "x"])
  channel.send("tree", { name: "root", branches: [{ name: "leaf", branches: [] }] })
  channel.send("picture", new Uint8Array(4))
  channel.send("whatever")
  const off: Unsubscribe = channel.on("said", ({ from, text }) => from + text)
  off()
  // A signal of the platform or of another make, and handlers that are given where the message came from.
  const { signal } = new AbortController()
  const another = { aborted: false, addEventListener() {}, removeEventListener() {} }
  channel.on("said", ({ text }, here) => here.send("chat", { text }), { signal, once: true })
  channel.handle("confirm", () => true, { signal: another })
  channel.onStatus((status) => status === "open", { once: true })
  channel.onReset(({ messages }) => messages.length, { signal })
  channel.onError((error, stage) => [error, stage], { signal: undefined, once: undefined })
  const loop: AsyncGenerator<{ from: string; text: string }, void, void> = channel.messages("said", { signal })
  hub.on("chat", ({ text }, from) => from.send("said", { from: from.id, text }), { signal, once: true })
  hub.handle("count", () => 1, { signal })
  hub.onPeer((newcomer) => newcomer.id, { once: true })
  hub.onError((error, { stage }) => [error, stage], { signal: another })
  hub.onRefused(({ code }) => code, { signal })
  peer.on("typing", (_, from) => from.id, { signal })
  peer.handle("count", () => 1, { once: true })
  peer.onClose(({ undelivered }) => undelivered, { signal })
  const history: Promise<string[]> = channel.request("history", { before: 5 }, { timeoutMs: 50, signal: undefined })
  const count: Promise<number> = channel.request("count")
  void channel.request("count", undefined, { signal: AbortSignal.timeout(5) })
  void channel.request("save", "text").then(() => {})
  void channel.request("find")
  channel.handle("confirm", (question) => question.length > 3)
  channel.handle("confirm", async (_, here, { signal }) => here.status === "open" && !signal.aborted)

  hub.handle("history", ({ before }, from) => [from.id, String(before)])
  hub.handle("history", async () => [])
  hub.handle("save", () => {})
  hub.handle("save", async () => {})
  hub.handle("find", (filter) => (filter === undefined ? null : { name: filter.by, branches: [] }))
  peer.handle("count", () => 5)
  // A returned value keeps the literal type of the reply: `true`, not any boolean.
  hub.handle("edit", (base) => {
    if (base > 1) return { ok: false, missed: [] }
    return { ok: true, version: base }
  })
  hub.handle("edit", async (base) => (base > 1 ? { ok: false, missed: [] } : { ok: true, version: base }))
  channel.handle("choose", (question) => (question === "" ? "keep" : "drop"))
  channel.handle("choose", async (question) => (question === "" ? "keep" : "drop"))
  hub.on("typing", (data: undefined) => data)
  hub.to("lobby").except(peer, "muted").send("said", { from: "ann", text: "hi" })
  hub.send("tick", 5)
  peer.send("file", new ArrayBuffer(1))
  const confirmed: Promise<boolean> = peer.request("confirm", "sure?")
  // The data given to a handler is accepted by functions of the platform.
  hub.handle("count", async (_, __, request) => (await fetch("https://host", { signal: request.signal })).status)

  // A channel, hub or peer of any contract is accepted where one of AnyContract is wanted.
  const any: [Channel, Hub, Peer, Peer<Chat>] = [channel, hub, peer, named.peers.get("x") ?? peer]
  const anyName: Channel = createChannel("https://host", { transports: ["sse", longPoll], auth: undefined })
  anyName.send("whatever", { x: 1 })
  anyName.on("whatever", (data: unknown) => data)
  const reply: Promise<unknown> = anyName.request("whatever")

  // A contract may have only the maps that it needs.
  createChannel<{ up: { x: number } }>("https://host").send("x", 1)
  createHub<{ down: { x: string } }>().send("x", "y")

  // Classes of the platform.
  createCoreChannel("https://host", {
    transports: [websocket],
    platform: {
      openSocket: (url, protocols) => new WebSocket(url, protocols),
      openStream: (url, withCredentials) => new EventSource(url, { withCredentials }),
      fetch,
    },
  })
  return [made, history, count, confirmed, any, reply, loop, open<Chat>("https://host")]
}

/** A generic function of an application over any contract. */
function open<C extends import("everwire").Contract<C>>(url: string): Channel<C> {
  return createChannel<C>(url)
}

interface User extends Principal {
  readonly name: string
}

const named = createHub<Chat, User>({ authenticate: ({ auth }) => (auth === "x" ? { id: "1", name: "ann" } : null) })

export function principals(): readonly string[] {
  const inferred = createHub({ authenticate: async () => ({ id: "1", name: "ann", roles: ["admin"] }) })
  const names: string[] = []
  inferred.onPeer(({ principal }) => names.push(principal.name, ...principal.roles))
  inferred.on("x", (_, { principal }) => names.push(principal.name))
  named.onPeer(({ principal }) => names.push(principal.name))
  named.handle("count", (_, from) => from.principal.name.length)
  createHub<Chat>().onPeer(({ principal }) => names.push(principal.id))
  // @ts-expect-error nobody said that it has a name
  createHub<Chat>().onPeer(({ principal }) => names.push(principal.name))
  // @ts-expect-error a principal has an id
  createHub({ authenticate: () => ({ name: "ann" }) })
  return names
}

interface Player {
  name: string
  score?: number
}

export function data(): readonly unknown[] {
  const players = createHub<Chat, User, Player>({ authenticate: () => ({ id: "1", name: "ann" }) })
  players.onPeer((peer) => {
    peer.data = { name: peer.principal.name }
    peer.on("typing", (_, from) => from.data.name.length)
    // @ts-expect-error a player has a name
    peer.data = { score: 5 }
  })
  players.on("typing", (_, { data }) => {
    data.score = 5
    // @ts-expect-error a player has no such property
    data.points = 5
  })
  players.handle("count", (_, { data }) => data.score ?? 0)
  players.to("lobby").except(...players.peers.values())
  const optional = createHub<Chat, User, Player | undefined>()
  // @ts-expect-error it may not be set yet
  optional.on("typing", (_, { data }) => data.name)
  // @ts-expect-error nobody said what it is
  createHub<Chat, User>().on("typing", (_, { data }) => data.name)
  // @ts-expect-error it is another's
  const wrong: Peer<Chat, User, string> | undefined = players.peers.get("x")
  const any: readonly (Hub | Peer | Peer<Chat, User> | undefined)[] = [players, players.peers.get("x")]
  return [any, wrong]
}

export function mustNotCompile(): void {
  // @ts-expect-error no such option of a subscription
  channel.on("said", () => {}, { passive: true })
  // @ts-expect-error the controller is no signal
  channel.on("said", () => {}, { signal: new AbortController() })
  // @ts-expect-error the signal is no option
  hub.on("chat", () => {}, new AbortController().signal)
  // @ts-expect-error it is called once anyway
  peer.onClose(() => {}, { once: true })
  // @ts-expect-error the hub sends no such message
  channel.messages("chat", { once: true })
  // @ts-expect-error that message goes down, not up
  channel.on("said", (_, here) => here.send("said", { from: "x", text: "y" }))
  // @ts-expect-error what goes up is of another shape
  take<OtherUp>(channel)
  // @ts-expect-error what comes down is of another shape
  take<OtherDown>(channel)
  // @ts-expect-error a request is answered with something else
  take<OtherRequest>(channel)
  // @ts-expect-error a request of the hub has another question
  take<OtherAsk>(channel)
  // @ts-expect-error that channel can do less
  take<Chat>(typing)
  // @ts-expect-error data is required
  channel.send("chat")
  // @ts-expect-error the data is of another shape
  channel.send("chat", { words: "hi" })
  // @ts-expect-error no such message goes up
  channel.send("tick", 1)
  // @ts-expect-error nothing goes with it
  channel.send("typing", 5)
  // @ts-expect-error a message that goes up does not come down
  channel.on("chat", () => {})
  // @ts-expect-error data is required
  void channel.request("history")
  // @ts-expect-error there is no data in it
  void channel.request("count", 5)
  // @ts-expect-error no such request goes up
  void channel.request("confirm", "sure?")
  // @ts-expect-error the hub has no such option
  void channel.request("count", undefined, { timeout: 5 })
  // @ts-expect-error the hub does not ask that
  channel.handle("history", () => [])
  // @ts-expect-error a boolean is promised
  channel.handle("confirm", () => "yes")
  // @ts-expect-error an array is promised
  hub.handle("history", () => 42)
  // @ts-expect-error an array is promised
  hub.handle("history", async () => 42)
  // @ts-expect-error an array is promised
  peer.handle("history", () => {})
  // @ts-expect-error where it is false, something was missed
  hub.handle("edit", (version) => ({ ok: false, version }))
  // @ts-expect-error the reply of another request
  channel.handle("choose", (question) => question === "")
  // @ts-expect-error the channel asks that
  void peer.request("history", { before: 5 })
  // @ts-expect-error data is required
  hub.send("said")
  // @ts-expect-error data is required
  peer.send("said")
  // @ts-expect-error data is required
  hub.to("lobby").send("said")
  // @ts-expect-error a message that comes down does not go up
  hub.on("said", () => {})
  // @ts-expect-error a channel has no such option
  createChannel("https://host", { token: "x" })
  // @ts-expect-error a hub has no such option
  createHub({ maxPayload: 5 })
  // @ts-expect-error a hub has no such cap
  createHub({ limits: { maxPeers: 5 } })
  // @ts-expect-error close has no such option
  void channel.close({ drainMs: 5 })
  // @ts-expect-error no such transport
  createChannel("https://host", { transports: ["websockets"] })
  createHub({ transports: ["websocket", "sse"] })
  // @ts-expect-error no such transport on any runtime
  createHub({ transports: ["websockets"] })
  // @ts-expect-error core has no ladder of its own
  createCoreChannel("https://host")
  // @ts-expect-error core knows no names
  createCoreChannel("https://host", { transports: ["sse"] })
}

export function mustNotBeContracts(context: RequestContext): RequestContext {
  // @ts-expect-error a Date arrives as a string
  createChannel<{ up: { x: Date } }>("https://host")
  // @ts-expect-error a Date arrives as a string
  createHub<{ down: { x: { items: { at?: Date }[] } } }>()
  // @ts-expect-error a Map does not arrive
  createChannel<{ down: { x: Map<string, string> } }>("https://host")
  // @ts-expect-error a Set does not arrive
  createHub<{ up: { x: ReadonlySet<string> } }>()
  // @ts-expect-error JSON has no bigint
  createChannel<{ up: { x: { n: bigint } } }>("https://host")
  // @ts-expect-error JSON has no symbols
  createChannel<{ up: { x: symbol } }>("https://host")
  // @ts-expect-error functions do not cross
  createChannel<{ up: { x: { f(): void } } }>("https://host")
  // @ts-expect-error an Error does not arrive
  createChannel<{ up: { x: { error: Error } } }>("https://host")
  // @ts-expect-error a RegExp does not arrive
  createChannel<{ up: { x: RegExp } }>("https://host")
  // @ts-expect-error bytes are a payload alone
  createChannel<{ up: { x: { bytes: Uint8Array } } }>("https://host")
  // @ts-expect-error other typed arrays do not cross
  createChannel<{ up: { x: Float64Array } }>("https://host")
  // @ts-expect-error a Blob does not cross
  createChannel<{ up: { x: Blob } }>("https://host")
  // @ts-expect-error JSON makes null of it
  createChannel<{ up: { x: (string | undefined)[] } }>("https://host")
  // @ts-expect-error a list of what does not arrive
  createChannel<{ up: { x: { dates: Date[] } } }>("https://host")
  // @ts-expect-error the same in a tuple
  createChannel<{ up: { x: [string, bigint] } }>("https://host")
  // @ts-expect-error a request takes one value
  createChannel<{ requests: { x(from: string, to: string): void } }>("https://host")
  // @ts-expect-error a request takes one value
  createHub<{ asks: { x(...all: string[]): void } }>()
  // @ts-expect-error a map of messages is an object
  createHub<{ up: string }>()
  // @ts-expect-error a map of requests is an object
  createHub<{ requests: string }>()
  // @ts-expect-error a Date in what is asked
  createChannel<{ requests: { x(at: Date): string } }>("https://host")
  // @ts-expect-error a Map in what is answered
  createHub<{ requests: { x(): Promise<{ map: Map<string, string> }> } }>()
  // @ts-expect-error a Date in what the hub asks
  createHub<{ asks: { x(): Date } }>()
  // @ts-expect-error a request is a function
  createHub<{ requests: { x: string } }>()
  // @ts-expect-error a map that is misspelt
  createChannel<{ up: { x: string }; dwn: { x: string } }>("https://host")
  // @ts-expect-error a map that is misspelt, and no other
  createHub<{ request: { x(): string } }>()
  // @ts-expect-error nor may a type be named with it
  const none: Channel<{ up: { x: Date } }> | undefined = undefined
  void none
  return context
}
