import { type AnyContract, type Channel, createChannel, longPoll, type RequestContext, sse } from "everwire"
import { createChannel as createCoreChannel, websocket } from "everwire/core"
import { createHub, type Hub, type NodeHub, type Peer } from "everwire/node"
import { createHub as createWebHub } from "everwire/server"
import { describe, expectTypeOf, it } from "vitest"

/** The contract of the application below, shared by its two ends. */
interface Chat {
  up: { chat: { text: string }; typing: undefined }
  down: { chat: { from: string; text: string }; notice: string; picture: Uint8Array }
  requests: {
    history(data: { before: number }): Promise<string[]>
    count(): number
  }
  asks: { confirm(question: string): boolean }
}

/** Takes code for the compiler to check; it is never run. */
declare const channel: Channel<Chat>
declare const hub: NodeHub<Chat>
declare const peer: Peer<Chat>

/** Wraps calls that the compiler checks and that never run. */
function checked(_calls: () => unknown): void {}

describe("a contract", () => {
  it("types the names and the data that the channel sends and hears", () => {
    expectTypeOf(createChannel<Chat>).returns.toEqualTypeOf<Channel<Chat>>()
    checked(() => {
      channel.send("chat", { text: "hi" })
      channel.send("typing")
      // @ts-expect-error no such message goes up
      channel.send("notice", "hi")
      // @ts-expect-error the data is of another shape
      channel.send("chat", { words: "hi" })
      channel.on("chat", (data) => expectTypeOf(data).toEqualTypeOf<{ from: string; text: string }>())
      channel.on("picture", (data) => expectTypeOf(data).toEqualTypeOf<Uint8Array>())
      // @ts-expect-error no such message comes down
      channel.on("typing", () => {})
      expectTypeOf(channel.messages("notice")).toEqualTypeOf<AsyncGenerator<string, void, void>>()
    })
  })

  it("types the same for the hub and its peers, in the other direction", () => {
    expectTypeOf(createHub<Chat>).returns.toEqualTypeOf<NodeHub<Chat>>()
    expectTypeOf(createWebHub<Chat>).returns.toEqualTypeOf<Hub<Chat>>()
    checked(() => {
      hub.on("chat", (data, from) => {
        expectTypeOf(data).toEqualTypeOf<{ text: string }>()
        expectTypeOf(from).toEqualTypeOf<Peer<Chat>>()
      })
      hub.onPeer((joined) => expectTypeOf(joined).toEqualTypeOf<Peer<Chat>>())
      hub.send("notice", "hi")
      hub.to("lobby").except(peer, "muted").send("chat", { from: "ann", text: "hi" })
      peer.send("picture", new Uint8Array())
      // @ts-expect-error no such message goes down
      hub.send("typing")
      // @ts-expect-error the data is of another shape
      hub.to("lobby").send("chat", { text: "hi" })
      // @ts-expect-error no such message goes down
      peer.send("typing")
      // @ts-expect-error no such message comes up
      peer.on("notice", () => {})
    })
  })

  it("types requests by one map of functions for each direction", () => {
    checked(() => {
      expectTypeOf(channel.request("history", { before: 5 })).resolves.toEqualTypeOf<string[]>()
      expectTypeOf(channel.request("count")).resolves.toEqualTypeOf<number>()
      expectTypeOf(peer.request("confirm", "sure?")).resolves.toEqualTypeOf<boolean>()
      // @ts-expect-error the data is of another shape
      void channel.request("history", { after: 5 })
      // @ts-expect-error no such request
      void channel.request("chat")
      hub.handle("history", ({ before }, from, { signal }) => {
        expectTypeOf(before).toEqualTypeOf<number>()
        expectTypeOf(from).toEqualTypeOf<Peer<Chat>>()
        expectTypeOf(signal.aborted).toEqualTypeOf<boolean>()
        return []
      })
      channel.handle("confirm", (data, here, context) => {
        expectTypeOf(data).toEqualTypeOf<string>()
        expectTypeOf(here).toEqualTypeOf<Channel<Chat>>()
        expectTypeOf(context).toEqualTypeOf<RequestContext<never>>()
        return true
      })
    })
  })

  it("may be omitted: then every name is allowed, with data of type unknown", () => {
    checked(() => {
      const any = createChannel("http://host")
      expectTypeOf(any).toEqualTypeOf<Channel<AnyContract>>()
      any.send("whatever", { x: 1 })
      any.on("whatever", (data) => expectTypeOf(data).toEqualTypeOf<unknown>())
      expectTypeOf(any.request("whatever")).resolves.toEqualTypeOf<unknown>()
    })
  })
})

describe("the options", () => {
  it("take transports by name or by object in everwire, by object only in everwire/core", () => {
    checked(() => {
      createChannel("http://host", { transports: ["sse", longPoll] })
      // @ts-expect-error no such transport
      createChannel("http://host", { transports: ["telegraph"] })
      createCoreChannel("http://host", { transports: [websocket, sse] })
      // @ts-expect-error core knows no names
      createCoreChannel("http://host", { transports: ["sse"] })
      // @ts-expect-error core has no ladder of its own
      createCoreChannel("http://host")
      createWebHub({ transports: ["websocket", "sse"] })
      // @ts-expect-error no such transport on any runtime
      createWebHub({ transports: ["telegraph"] })
    })
  })
})
