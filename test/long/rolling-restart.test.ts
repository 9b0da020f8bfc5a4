import { createServer, type Server } from "node:http"
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { type Channel, createChannel, type Reset, type SendOptions } from "everwire"
import { createHub, type NodeHub } from "everwire/node"
import { afterAll, describe, expect, it } from "vitest"
import { disposeAll, onDispose, transports } from "../support/hub-server.ts"

afterAll(disposeAll)

const CHANNELS = 4
/** Each channel sends a message, and each hub sends one to each peer, at this interval. */
const EVERY_MS = 5
/** How long a handler takes to answer a request. */
const ANSWER_MS = 20
/** Each channel asks its hub for a stream, and each hub asks each peer for one, at this interval. */
const STREAM_EVERY_MS = 100
/** Items of a stream, which take longer than the time between two streams. */
const ITEMS = 30
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
  readonly hearer = new Map<string, { readonly closed: boolean }>()
  /** Messages that were heard in a session which ended with a bye, and that the channel still reported as uncertain. */
  readonly heardAndUncertain: string[] = []
  /** Requests that a handler has begun to answer. */
  readonly begun = new Set<string>()
  /** Messages that may be dropped, as they arrived: by who sent them to whom, and class. */
  readonly droppable = new Map<string, number[]>()
  /** Streams in both directions: what their loops got, and how they ended. */
  readonly streams: Promise<{ items: number[]; code: string | undefined }>[] = []
  /** How many messages the hubs sent, how many of these they dropped, and how many they report as undelivered. */
  told = 0
  dropped = 0
  undelivered = 0

  /** How many messages of the hubs the channels heard. */
  get heardDown(): number {
    const droppable = [...this.droppable].filter(([key]) => key.startsWith("down"))
    return this.down.size + droppable.reduce((sum, [, heard]) => sum + heard.length, 0)
  }

  /** Notes a message that may be dropped. */
  note(from: string, { to, name, at }: Droppable): void {
    const key = `${from} ${to} ${name}`
    this.droppable.set(key, [...(this.droppable.get(key) ?? []), at])
  }

  /** Reads a stream to its end. */
  read(begin: () => AsyncIterable<number>): void {
    const items: number[] = []
    const all = async (): Promise<void> => {
      for await (const item of begin()) items.push(item)
    }
    this.streams.push(
      all().then(
        () => ({ items, code: undefined }),
        ({ code }: { code: string }) => ({ items, code }),
      ),
    )
  }

  count(all: Map<string, number>, text: unknown): void {
    all.set(String(text), (all.get(String(text)) ?? 0) + 1)
  }
}

/** A message that may be dropped. */
interface Droppable {
  readonly to: string
  readonly name: string
  readonly at: number
}

const CLASSES = { latest: { latest: "" }, ttl: { ttlMs: 500 }, volatile: { volatile: true } } as const

/** Sends one message of each class that may be dropped. */
function sendDroppable(
  to: { send(name: "droppable", data: Droppable, options: SendOptions): void },
  who: string,
  at: number,
): void {
  for (const [name, options] of Object.entries(CLASSES)) to.send("droppable", { to: who, name, at }, options)
}

/** What hubs and channels say to each other. */
interface Talk {
  up: { up: string; droppable: Droppable }
  down: { down: string; droppable: Droppable }
  requests: { ask(text: string): string; count(): AsyncIterable<number> }
  asks: { count(): AsyncIterable<number> }
}

async function* countUp(): AsyncGenerator<number, void, void> {
  for (let i = 0; i < ITEMS; i++) {
    await sleep(EVERY_MS)
    yield i
  }
}

interface Process {
  readonly port: number
  stop(drainMs: number): Promise<void>
}

/** Starts a server with a hub, whose application sends to each peer. */
async function startProcess(name: string, books: Books, port?: number): Promise<Process> {
  const hub: NodeHub<Talk> = createHub()
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
  hub.handle("count", countUp)
  hub.on("droppable", (data: Droppable) => books.note("up", data))
  hub.onPeer((peer) => peer.onClose(({ undelivered }) => (books.undelivered += undelivered)))
  let turns = 0
  const talk = setInterval(() => {
    for (const peer of hub.peers.values()) {
      peer.send("down", `${name} ${said++}`)
      sendDroppable(peer, peer.id, turns)
      books.told += 1 + Object.keys(CLASSES).length
      if (turns % (STREAM_EVERY_MS / EVERY_MS) === 0) books.read(() => peer.stream("count"))
    }
    turns++
  }, EVERY_MS)
  const server = createServer()
  hub.attach(server)
  const stop = async (drainMs: number): Promise<void> => {
    await hub.close({ drainMs })
    clearInterval(talk)
    for (const count of Object.values(hub.stats().dropped)) books.dropped += count
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
  readonly channel: Channel<Talk>
  readonly said: string[]
  readonly uncertain: string[]
  readonly answers: Promise<{ text: string; code: string | undefined }>[]
  hush(): void
}

function startTalker(url: string, transport: string, name: string, books: Books): Talker {
  // `transport` is one of the names.
  const channel = createChannel<Talk>(url, { transports: [transport as "sse"], store: null })
  onDispose(() => void channel.close({ flushMs: 0 }))
  const said: string[] = []
  const uncertain: string[] = []
  const answers: Talker["answers"] = []
  channel.on("down", (data) => books.count(books.down, data))
  channel.on("droppable", (data: Droppable) => books.note("down", data))
  channel.handle("count", countUp)
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
    sendDroppable(channel, name, said.length)
    if (said.length % (STREAM_EVERY_MS / EVERY_MS) === 0) books.read(() => channel.stream("count"))
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
async function settled(channel: Channel<Talk>): Promise<void> {
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
      const streams = await Promise.all(books.streams)
      const said = talkers.flatMap((talker) => talker.said)
      const uncertain = talkers.flatMap((talker) => talker.uncertain)
      const answers = await Promise.all(talkers.flatMap((talker) => talker.answers))
      const refused = answers.filter(({ code }) => code === "hub-closing")
      expect(books.heardAndUncertain).toEqual([])
      expect(said.filter((text) => !books.up.has(text) && !uncertain.includes(text))).toEqual([])
      expect([...books.up].filter(([, times]) => times > 1)).toEqual([])
      // Each message of a hub is heard, dropped because it may be, or reported as undelivered. Some that were heard may be
      // reported too.
      expect(books.told - books.heardDown - books.dropped).toBeLessThanOrEqual(books.undelivered)
      expect([...books.down].filter(([, times]) => times > 1)).toEqual([])
      expect(refused.filter(({ text }) => books.begun.has(text))).toEqual([])
      // What may be dropped arrives once and in order.
      for (const [key, heard] of books.droppable)
        expect([key, heard]).toEqual([key, [...new Set(heard)].sort((a, b) => a - b)])
      // A stream has no gap, and ends with its last item or with a code.
      expect(streams.filter(({ items }) => items.some((item, i) => item !== i))).toEqual([])
      expect(streams.filter(({ items, code }) => code === undefined && items.length < ITEMS)).toEqual([])
      const codes = new Set(streams.map(({ code }) => code))
      expect([...codes].filter((code) => code && !["hub-closing", "session-reset", "closed"].includes(code))).toEqual(
        [],
      )
      expect(streams.filter(({ code }) => code === undefined).length).toBeGreaterThan(streams.length / 2)
    },
    60_000,
  )
})
