import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { longPoll, shortPoll, sse, websocket } from "everwire"
import { createHub, longPollAcceptor, shortPollAcceptor, sseAcceptor, websocketAcceptor } from "everwire/node"
import { WebSocket } from "ws"
import type { TransportRig, TransportSubject, TransportTraits } from "../../../src/testing/laws.ts"
import type { Acceptor, ClientSocket, Dialer } from "../../../src/transports/transport.ts"
import { httpTraits, websocketTraits } from "./built-in-traits.ts"
import { FaultyFetch } from "./faulty-fetch.ts"
import { forLoopback, hastyClock } from "./hasty-clock.ts"
import { strangers } from "./memory-http.ts"
import { knock, Relay } from "./relay.ts"

const subject = (dialer: Dialer, traits: TransportTraits, acceptor: () => Acceptor): TransportSubject => ({
  name: `${dialer.name} over real sockets`,
  traits,
  setup: async () => setup(dialer, acceptor()),
})

/** The built-in transports on Node: `node:http` and `ws` at the hub; `fetch`, `eventsource` and `ws` at the channel. */
export const nodeHub = {
  websocket: subject(websocket, websocketTraits, websocketAcceptor),
  sse: subject(sse, httpTraits.sse, sseAcceptor),
  longPoll: subject(longPoll, httpTraits.longPoll, longPollAcceptor),
  shortPoll: subject(shortPoll, httpTraits.shortPoll, shortPollAcceptor),
} as const

async function setup(dialer: Dialer, acceptor: Acceptor): Promise<TransportRig> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo // The server listens on TCP.
  const relay = await Relay.to({ port })
  const http = new FaultyFetch((url, init) => fetch(url, init))
  const sockets = new Set<WebSocket>()
  const upgraded = new Set<object>()
  server.on("upgrade", (_request, socket) => {
    upgraded.add(socket)
    socket.once("close", () => upgraded.delete(socket))
  })
  let close = async (): Promise<void> => {}

  const openSocket = (url: string, protocols: string[]): ClientSocket => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false })
    sockets.add(socket)
    socket.addEventListener("close", () => sockets.delete(socket))
    return socket // The class implements the part of the interface that is used here.
  }

  return {
    runtime: hastyClock,
    dialer,
    listen(door) {
      const hub = createHub({
        runtime: hastyClock,
        transports: [{ name: acceptor.name, open: () => acceptor.open(door) }],
      })
      hub.attach(server)
      close = () => hub.close()
      return { url: `http://127.0.0.1:${relay.port}/everwire`, platform: { ...http.platform, openSocket } }
    },
    settle: forLoopback,
    leftovers: () => [
      ...http.leftovers,
      ...Array.from(sockets, () => "a WebSocket at the channel"),
      ...Array.from(upgraded, () => "a WebSocket at the hub"),
    ],
    async teardown() {
      await close()
      http.sever()
      relay.close()
      // Its port is kept, for the same reason as the relay's.
      server.closeAllConnections()
      server.unref()
    },
    vanish(seat) {
      relay.refuse()
      http.become(seat === "hub" ? "refused" : "unanswered")
    },
    sever() {
      relay.sever()
      http.sever()
    },
    lose: (what) => http.lose(what),
    garble(toward) {
      if (dialer.name === "websocket") return relay.inject(toward, new Uint8Array(64).fill(0xff))
      http.garble(toward === "hub" ? "request" : dialer.name === "sse" ? "event" : "answer")
    },
    async intrude() {
      const url = `http://127.0.0.1:${port}/everwire/${dialer.name}`
      for (const init of strangers) await (await fetch(url, init)).arrayBuffer()
      await (await fetch(`${url}?ticket=nobody`)).arrayBuffer()
      const key = "dGhlIHNhbXBsZSBub25jZQ=="
      const upgrade = `GET /everwire/${dialer.name} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
      await knock({ port }, "\xff\xfe garbage\r\n\r\n")
      await knock({ port }, `${upgrade}\r\n`)
      await knock({ port }, `${upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n\xff\xff\xff\xff`)
    },
  }
}
