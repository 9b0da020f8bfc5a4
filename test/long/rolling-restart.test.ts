import { createServer, type Server } from "node:http"
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { type Channel, createChannel, type Reset } from "everwire"
import { createHub, type NodeHub, type Peer } from "everwire/node"
import { afterAll, describe, expect, it } from "vitest"
import { disposeAll, onDispose, transports } from "../support/hub-server.ts"

afterAll(disposeAll)

const CHANNELS = 4
/** Each channel sends a message, and each hub sends one to each peer, at this interval. */
const EVERY_MS = 5
/** How long a handler takes to answer a request. */
const ANSWER_MS = 20
const DRAIN_MS = 6_000

async function listen(
  server: Pick<Server, "address"> & { listen(port: number, host: string, run: () => void): unknown },
  port = 0,
): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  return (server.address() as AddressInfo).port // The server listens on a TCP port, so its address is not a pipe.
}

/** The number of connections so far, by which the balancer chooses the next hub. */
let turn = 0

/** Starts a TCP proxy that connects to the ports in turn. */
async function startProxy(ports: readonly number[]): Promise<number> {
  const sockets = new Set<Socket>()
  const proxy = createTcpServer((client) => {
    const upstream = connect(ports[turn++ % ports.length] ?? 0, "127.0.0.1")
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        other.end()
      })
    }
    client.pipe(upstream).pipe(client)
  })
  const port = await listen(proxy)
  onDispose(() => {
    for (const socket of sockets) socket.destroy()
    proxy.close()
  })
  return port
}

/** Records of what was sent and heard. */
class Books {
  /** How often each message of a channel was heard, by all hubs together. */
  readonly up = new Map<string, number>()
  readonly down = new Map<string, number>()
  /** The peer whose hub heard the message. */
  readonly hearer = new Map<string, Peer>()
  /** Messages that were heard in a session which ended with a bye, and that the channel still reported as uncertain. */
  readonly heardAndUncertain: string[] = []
  /** Requests that a handler has begun to answer. */
  readonly begun = new Set<string>()
  /** How many messages the hubs sent, and how many of these they report as undelivered. */
  told = 0
  undelivered = 0

  count(all: Map<string, number>, text: unknown): void {
    all.set(String(text), (all.get(String(text)) ?? 0) + 1)
  }
}

interface Process {
  readonly port: number
  stop(drainMs: number): Promise<void>
}

/** Starts a server with a hub, whose application sends to each peer. */
async function startProcess(name: string, books: Books, port?: number): Promise<Process> {
  const hub: NodeHub = createHub()
  let said = 0
  hub.on("up", (data, peer) => {
    books.count(books.up, data)
    books.hearer.set(String(data), peer)
  })
  hub.handle("ask", async (data) => {
    books.begun.add(String(data))
    await sleep(ANSWER_MS)
    return data
  })
  hub.onPeer((peer) => peer.onClose(({ undelivered }) => (books.undelivered += undelivered)))
  const talk = setInterval(() => {
    for (const peer of hub.peers.values()) {
      peer.send("down", `${name} ${said++}`)
      books.told++
    }
  }, EVERY_MS)
  const server = createServer()
  hub.attach(server)
  const stop = async (drainMs: number): Promise<void> => {
    await hub.close({ drainMs })
    clearInterval(talk)
    // As in a deploy: answers on their way may be read before their connections end.
    await Promise.race([new Promise((resolve) => server.close(resolve)), sleep(500)])
    server.closeAllConnections()
  }
  onDispose(async () => {
    clearInterval(talk)
    await hub.close()
    server.close()
    server.closeAllConnections()
  })
  return { port: await listen(server, port), stop }
}

interface Talker {
  readonly channel: Channel
  readonly said: string[]
  readonly uncertain: string[]
  readonly answers: Promise<{ text: string; code: string | undefined }>[]
  hush(): void
}

function startTalker(url: string, transport: string, name: string, books: Books): Talker {
  // `transport` is one of the names.
  const channel = createChannel(url, { transports: [transport as "sse"], store: null })
  onDispose(() => void channel.close({ flushMs: 0 }))
  const said: string[] = []
  const uncertain: string[] = []
  const answers: Talker["answers"] = []
  channel.on("down", (data) => books.count(books.down, data))
  channel.onReset(({ messages }: Reset) => {
    const texts = messages.map(({ data }) => String(data))
    uncertain.push(...texts)
    // A channel that only reaches other hubs gives up a living session: no bye told it what was heard.
    books.heardAndUncertain.push(...texts.filter((text) => books.hearer.get(text)?.closed))
  })
  const timer = setInterval(() => {
    const text = `${name} ${said.length}`
    said.push(text)
    channel.send("up", text)
    if (said.length % 8 !== 0) return
    answers.push(
      channel.request("ask", text).then(
        () => ({ text, code: undefined }),
        ({ code }: { code: string }) => ({ text, code }),
      ),
    )
  }, EVERY_MS)
  return { channel, said, uncertain, answers, hush: () => clearInterval(timer) }
}

/** Resolves when all messages were heard, also when the session is given up meanwhile and another follows. */
async function settled(channel: Channel): Promise<void> {
  while (
    await channel.flush().then(
      () => false,
      (error: unknown) => {
        if (channel.status === "closed") throw error
        return true
      },
    )
  );
}

describe("two hubs behind a balancer are restarted one after the other, under load", () => {
  it.each(transports)(
    "over %s no message is lost without a report or doubled, and no message reported as uncertain had been heard",
    async (transport) => {
      const books = new Books()
      const first = await Promise.all([startProcess("a", books), startProcess("b", books)])
      const ports = first.map((process) => process.port)
      // Each channel has its own origin, so that it has its own connections, like a separate process.
      const talkers = await Promise.all(
        Array.from({ length: CHANNELS }, async (_, i) => {
          const port = await startProxy(ports)
          return startTalker(`http://127.0.0.1:${port}/everwire`, transport, `c${i}`, books)
        }),
      )
      await Promise.all(talkers.map(({ channel }) => channel.opened))
      const after: Process[] = []
      for (const [i, process] of first.entries()) {
        await sleep(300)
        await process.stop(DRAIN_MS)
        after.push(await startProcess(`next ${i}`, books, process.port))
      }
      for (const { hush } of talkers) hush()
      await Promise.all(talkers.map(({ channel }) => settled(channel)))
      for (const process of after) await process.stop(0)
      const said = talkers.flatMap((talker) => talker.said)
      const uncertain = talkers.flatMap((talker) => talker.uncertain)
      const answers = await Promise.all(talkers.flatMap((talker) => talker.answers))
      const refused = answers.filter(({ code }) => code === "hub-closing")
      expect(books.heardAndUncertain).toEqual([])
      expect(said.filter((text) => !books.up.has(text) && !uncertain.includes(text))).toEqual([])
      expect([...books.up].filter(([, times]) => times > 1)).toEqual([])
      // Each message of a hub is heard or reported as undelivered. Some that were heard may be reported too.
      expect(books.told - books.down.size).toBeLessThanOrEqual(books.undelivered)
      expect([...books.down].filter(([, times]) => times > 1)).toEqual([])
      expect(refused.filter(({ text }) => books.begun.has(text))).toEqual([])
    },
    60_000,
  )
})
