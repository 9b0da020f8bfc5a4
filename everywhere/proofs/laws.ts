// Runs the laws of docs/laws.md over the sockets of the runtime that executes this file, which is both the hub's and the
// channel's. Prints one line of JSON for each transport.

import { longPoll, shortPoll, sse, websocket } from "everwire"
import { longPollAcceptor, shortPollAcceptor, sseAcceptor, websocketAcceptor } from "everwire/server"
import { type TransportRig, type TransportSubject, type TransportTraits, transportLaws } from "everwire/testing"
import { httpTraits, websocketTraits } from "../../test/laws/rigs/built-in-traits.ts"
import { FaultyFetch } from "../../test/laws/rigs/faulty-fetch.ts"
import { forLoopback, hastyClock } from "../../test/laws/rigs/hasty-clock.ts"
import { strangers } from "../../test/laws/rigs/memory-http.ts"
import { knock, Relay } from "../../test/laws/rigs/relay.ts"

type Acceptor = ReturnType<typeof sseAcceptor>
type Dialer = typeof websocket

/** How many laws run at once, and how long one may take, in milliseconds. */
const AT_ONCE = 8
const LAW_MS = 30_000
/** How long a stranger waits for the end of its connection, in milliseconds. */
const VISIT_MS = 1_000

/** `law.mjs` of the row: serves a hub with these options on a free port. */
type Serve = (options: object) => Promise<{ port: number; close(): Promise<unknown> }>
const { serve } = (await import(String(new URL("./law.mjs", import.meta.url)))) as { serve: Serve }

const subjects: readonly [Dialer, TransportTraits, () => Acceptor][] = [
  [websocket, websocketTraits, websocketAcceptor],
  [sse, httpTraits.sse, sseAcceptor],
  [longPoll, httpTraits.longPoll, longPollAcceptor],
  [shortPoll, httpTraits.shortPoll, shortPollAcceptor],
]

const results: { transport: string; kept: number; broken: string[] }[] = []
for (const [dialer, traits, acceptor] of subjects) {
  const subject: TransportSubject = { name: dialer.name, traits, setup: () => setup(dialer, acceptor()) }
  const waiting = transportLaws(subject)
  const broken: string[] = []
  const total = waiting.length
  const work = async (): Promise<void> => {
    for (let law = waiting.shift(); law !== undefined; law = waiting.shift()) {
      const { id, run } = law
      const late = new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`not within ${LAW_MS} ms`)), LAW_MS)
      })
      await Promise.race([Promise.resolve().then(run), late]).catch((error: unknown) => {
        broken.push(id)
        console.error(`${dialer.name} ${id}: ${error instanceof Error ? error.message : String(error)}`)
      })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  results.push({ transport: dialer.name, kept: total - broken.length, broken: broken.sort() })
}
console.log(`laws: ${JSON.stringify(results)}`)
process.exit()

async function setup(dialer: Dialer, acceptor: Acceptor): Promise<TransportRig> {
  let opened: ReturnType<Acceptor["open"]> | undefined
  // The rig learns its door when the law calls `listen`, and the server listens before that.
  const late: Acceptor = {
    name: acceptor.name,
    open: () => ({
      ...(dialer.name === "websocket" && { socket: (socket, origin) => opened?.socket?.(socket, origin) }),
      exchange: (exchange) => opened?.exchange?.(exchange),
    }),
  }
  const server = await serve({ runtime: hastyClock, transports: [late] })
  const relay = await Relay.to({ port: server.port })
  const http = new FaultyFetch((url, init) => fetch(url, init))
  const sockets = new Set<WebSocket>()
  const openSocket = (url: string, protocols: string[]): WebSocket => {
    const socket = new WebSocket(url, protocols)
    sockets.add(socket)
    socket.addEventListener("close", () => sockets.delete(socket))
    return socket
  }
  return {
    runtime: hastyClock,
    dialer,
    listen(door) {
      opened = acceptor.open(door)
      const platform = { ...http.platform, openSocket }
      return { url: `http://127.0.0.1:${relay.port}/everwire`, platform: platform as never } // the standard's WebSocket
    },
    settle: forLoopback,
    leftovers: () => [...http.leftovers, ...Array.from(sockets, () => "a WebSocket at the channel")],
    async teardown() {
      opened?.close?.()
      http.sever()
      relay.close()
      void server.close()
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
      // A server may keep the connection of a stranger open for another request.
      const visit = (words: string): Promise<unknown> =>
        Promise.race([knock({ port: server.port }, words), new Promise((resolve) => setTimeout(resolve, VISIT_MS))])
      const url = `http://127.0.0.1:${server.port}/everwire/${dialer.name}`
      for (const init of strangers) await (await fetch(url, init)).arrayBuffer()
      const key = "dGhlIHNhbXBsZSBub25jZQ=="
      const upgrade = `GET /everwire/${dialer.name} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
      await visit("\xff\xfe garbage\r\n\r\n")
      await visit(`${upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n${"\xff".repeat(64)}`)
    },
  }
}
