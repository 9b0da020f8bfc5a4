import type { Channel } from "../client/channel.ts"
import type { AnyContract, Contract } from "../messaging/contract.ts"
import { ChannelSocket } from "./channel-socket.ts"
import { ChannelUse, type Lender } from "./channel-use.ts"
import { defineHandlers } from "./handler-attributes.ts"
import { STATES } from "./words.ts"

/**
 * The platform's own type of the class `WebSocket`, so that the class can stand wherever that one can. Where the types of
 * the project have none: a class whose instances are targets of events.
 */
export type WebSocketClass = typeof globalThis extends { WebSocket: infer Class }
  ? Class
  : new (
      url: string | URL,
      protocols?: string | string[],
    ) => EventTarget

/**
 * Makes a class with the interface of the platform's `WebSocket` (HTML standard), whose sockets go over a channel. Give it
 * to a library that takes a WebSocket class. All sockets share the channel, beside everything else that it carries.
 *
 * Only path and query of a socket's URL, and the sub-protocols, decide which server of the hub gets it. Close the channel
 * yourself.
 *
 * @param over A channel. Or a function that makes one, such as `createChannel`: it is called with the origin of a socket's
 * URL, like `wss://example.com`. Sockets of one origin share a channel, which is closed with the last of them.
 * @example
 * const WebSocket = createWebSocketClass(channel)
 * const client = createClient({ url: "wss://example.com/graphql", webSocketImpl: WebSocket })
 */
export function createWebSocketClass<C extends Contract<C> = AnyContract>(
  over: Channel<C> | ((origin: string) => Channel<C>),
): WebSocketClass {
  // Contracts exist only as types, and do not name what sockets say.
  const given = over as unknown as Channel | ((origin: string) => Channel)
  const lend = typeof given === "function" ? lender(given) : always(new ChannelUse(given))
  class WebSocket extends ChannelSocket {
    constructor(url?: string | URL, protocols?: string | Iterable<string>) {
      if (url === undefined) throw new TypeError("a WebSocket needs a URL")
      super(lend, url, protocols)
    }
  }
  for (const [name, value] of Object.entries(STATES)) {
    for (const on of [WebSocket, WebSocket.prototype]) Object.defineProperty(on, name, { value, enumerable: true })
  }
  defineHandlers(WebSocket.prototype)
  return WebSocket as unknown as WebSocketClass // it keeps the interface: `test/socket/standard.test.ts`
}

function always(use: ChannelUse): Lender {
  return () => use
}

/** Lends the channel of each origin, which exists while a socket uses it. */
function lender(create: (origin: string) => Channel): Lender {
  const uses = new Map<string, ChannelUse>()
  return (origin) => {
    const open = uses.get(origin)
    if (open && open.channel.status !== "closed") return open
    const use = new ChannelUse(create(origin), () => {
      if (uses.get(origin) === use) uses.delete(origin)
      void use.channel.close()
    })
    uses.set(origin, use)
    return use
  }
}
