import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

/** One request as the proxy sees it go by. */
export interface ProxiedRequest {
  readonly method: string
  /** The transport that its path names; `""` for any other path. */
  readonly transport: string
}

/**
 * What becomes of one request and of its connection from then on:
 * - `pass`: nothing;
 * - `black-hole`: it is swallowed, and no answer ever comes;
 * - `mute`: its answer begins (a 101, or a head), and then nothing passes, in either direction;
 * - `mute-down`: the same, but what the client says still reaches the hub;
 * - `hold-back`: a stream's head passes and its events wait for its end, as in a proxy that buffers;
 * - `hold-back-after-first`: the first event passes too;
 * - `lose-answer`: the hub serves it, and the connection breaks before the answer has come through;
 * - `status`: the proxy answers by itself, an HTTP error;
 * - `killAfterMs`: the connection is reset so long after its answer has begun.
 */
export type Fate =
  | "pass"
  | "black-hole"
  | "mute"
  | "mute-down"
  | "hold-back"
  | "hold-back-after-first"
  | "lose-answer"
  | { readonly status: number }
  | { readonly killAfterMs: number }

export type Direction = "up" | "down"

/** What becomes of the connections of a transport that is taken away. */
type End = "reset" | "silence"

/** A TCP proxy in front of a hub on this machine, that does to connections what networks and other proxies do. */
export class FaultProxy {
  /** What each byte waits on its way, in either direction. The TCP handshake does not. */
  delayMs = 0
  /** The fate of a request whose transport has not been taken away. */
  judge: (request: ProxiedRequest) => Fate = () => "pass"
  /** Whether new connections are reset at once. */
  refusing = false
  readonly #connections = new Set<Connection>()
  readonly #taken = new Map<string, Fate>()
  readonly #server: Server
  #frozen = false

  private constructor(hubPort: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      if (this.refusing) return void client.on("error", () => {}).resetAndDestroy()
      const connection = new Connection(client, hubPort, this)
      this.#connections.add(connection)
      connection.onClose = () => this.#connections.delete(connection)
      if (this.#frozen) connection.freeze()
    })
  }

  /** Listens on a free loopback port. */
  static async start(hubPort: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(hubPort)
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/everwire` // listens on a port, so it is no pipe
  }

  /** The fate that a request meets now. */
  fateOf(request: ProxiedRequest): Fate {
    return this.#taken.get(request.transport) ?? this.judge(request)
  }

  /** This transport does not get through any more: its requests meet this fate, its open connections this end. */
  take(transport: string, fate: Fate = { status: 403 }, end: End = "reset"): void {
    this.#taken.set(transport, fate)
    for (const connection of this.#carrying(transport)) {
      if (end === "reset") connection.reset()
      else connection.freeze()
    }
  }

  /** This transport (or each) gets through again. Dials that were swallowed are reset: what did that has restarted. */
  giveBack(transport?: string): void {
    for (const connection of this.#carrying(transport)) if (connection.swallowed) connection.reset()
    if (transport === undefined) this.#taken.clear()
    else this.#taken.delete(transport)
  }

  /** Resets every connection, or those that carry this transport: both ends are told at once. */
  reset(transport?: string): void {
    for (const connection of this.#carrying(transport)) connection.reset()
  }

  /** New connections are reset at once, for so long. */
  refuseFor(ms: number): void {
    this.refusing = true
    setTimeout(() => {
      this.refusing = false
    }, ms)
  }

  /** Nothing moves any more, and nobody is told. New connections are taken, and nothing moves on them either. */
  freeze(): void {
    this.#frozen = true
    this.silence()
  }

  /** Nothing moves any more on the connections of this moment, or only in one direction. New ones work. */
  silence(direction?: Direction): void {
    for (const connection of this.#connections) connection.freeze(direction)
  }

  /** Whatever was frozen or silent moves on: what waited is not lost. */
  thaw(): void {
    this.#frozen = false
    for (const connection of this.#connections) connection.thaw()
  }

  /** The end on this side of every connection is cut; the other end is left open and hears nothing. */
  halfOpen(side: "client" | "hub"): void {
    for (const connection of this.#connections) connection.halfOpen(side)
  }

  /** The hub hears what is on its way and answers it; the answers are lost, and a little later the connections too. */
  loseAnswers(): void {
    for (const connection of this.#connections) connection.loseAnswers()
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const connection of this.#connections) connection.reset()
    await closed
  }

  #carrying(transport: string | undefined): Connection[] {
    return [...this.#connections].filter((connection) => transport === undefined || connection.transport === transport)
  }
}

/** For how long the hub goes on hearing a connection whose answers are lost. */
const LOSS_MS = 100

/** One connection through the proxy: a client's socket and, once a request may pass, one to the hub. */
class Connection {
  /** The transport of the last request. */
  transport = ""
  /** Both sockets are closed. */
  onClose = (): void => {}
  readonly #client: Socket
  #hub: Socket | undefined
  readonly #hubPort: number
  readonly #proxy: FaultProxy
  readonly #requests = new RequestReader()
  readonly #up: Pipe
  readonly #down: Pipe
  #fate: Fate = "pass"
  /** Whether the answer to the last request has begun. */
  #answering = false
  /** What a stream's answer waits with, while it is held back. */
  #held: Buffer[] | undefined

  constructor(client: Socket, hubPort: number, proxy: FaultProxy) {
    this.#client = client
    this.#hubPort = hubPort
    this.#proxy = proxy
    this.#up = new Pipe(proxy, (piece) => put(piece, this.#hub))
    this.#down = new Pipe(proxy, (piece) => put(piece, client))
    client.on("data", (bytes) => this.#fromClient(bytes))
    client.on("end", () => {
      if (this.#hub === undefined) client.end()
      else this.#up.push("end")
    })
    client.on("error", () => this.#up.push("reset"))
    client.on("close", () => this.#closed())
  }

  /** Whether it waits for an answer that never comes. */
  get swallowed(): boolean {
    return this.#fate === "black-hole"
  }

  reset(): void {
    this.#client.resetAndDestroy()
    this.#hub?.resetAndDestroy()
  }

  freeze(direction?: Direction): void {
    if (direction !== "down") this.#up.frozen = true
    if (direction !== "up") this.#down.frozen = true
  }

  thaw(): void {
    this.#up.thaw()
    this.#down.thaw()
  }

  halfOpen(side: "client" | "hub"): void {
    this.freeze()
    if (side === "client") this.#client.resetAndDestroy()
    else this.#hub?.resetAndDestroy()
  }

  loseAnswers(): void {
    this.#down.frozen = true
    setTimeout(() => this.reset(), LOSS_MS)
  }

  #fromClient(bytes: Buffer): void {
    for (const { request, piece } of this.#requests.read(bytes)) {
      if (request !== undefined) this.#begin(request)
      const fate = this.#fate
      if (fate === "black-hole" || (typeof fate === "object" && "status" in fate)) continue
      if (fate === "mute" && this.#answering) continue
      this.#hub ??= this.#dial()
      this.#up.push(piece)
    }
  }

  #begin(request: ProxiedRequest): void {
    const fate = this.#proxy.fateOf(request)
    this.transport = request.transport
    this.#fate = fate
    this.#answering = false
    if (typeof fate !== "object" || !("status" in fate)) return
    const answer = `HTTP/1.1 ${fate.status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    // The way up takes its time too.
    setTimeout(() => {
      this.#down.push(Buffer.from(answer))
      this.#down.push("end")
    }, this.#proxy.delayMs)
  }

  #dial(): Socket {
    const hub = connect({ port: this.#hubPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    hub.on("data", (bytes) => this.#fromHub(bytes))
    hub.on("end", () => {
      for (const piece of this.#held ?? []) this.#down.push(piece)
      this.#down.push("end")
      if (this.#client.destroyed) hub.destroy()
    })
    hub.on("error", () => this.#down.push("reset"))
    hub.on("close", () => this.#closed())
    return hub
  }

  #closed(): void {
    if (this.#client.destroyed && (this.#hub === undefined || this.#hub.destroyed)) this.onClose()
  }

  #fromHub(bytes: Buffer): void {
    const fate = this.#fate
    const first = !this.#answering
    this.#answering = true
    if (typeof fate === "object") {
      if (first && "killAfterMs" in fate) setTimeout(() => this.reset(), fate.killAfterMs)
      return this.#down.push(bytes)
    }
    switch (fate) {
      case "pass":
        return this.#down.push(bytes)
      case "mute":
      case "mute-down":
        if (first) this.#down.push(headOf(bytes))
        return
      case "lose-answer":
        return this.reset()
      case "hold-back":
      case "hold-back-after-first":
        return this.#holdBack(bytes, first, fate === "hold-back" ? 0 : 1)
      case "black-hole":
    }
  }

  /** Lets the head of a stream pass, and so many of its events (each is one chunk of the chunked coding). */
  #holdBack(bytes: Buffer, first: boolean, events: number): void {
    if (first) {
      const head = headOf(bytes)
      const isStream = /^content-type: *text\/event-stream/im.test(head.toString("latin1"))
      if (!isStream) {
        this.#fate = "pass"
        return this.#down.push(bytes)
      }
      this.#held = []
      this.#down.push(head)
      if (bytes.length > head.length) this.#holdBack(bytes.subarray(head.length), false, events)
      return
    }
    const held = this.#held ?? []
    held.push(bytes)
    if (events === 0) return
    const all = Buffer.concat(held)
    const [line = "", size = ""] = /^([0-9a-f]+)\r\n/i.exec(all.toString("latin1", 0, 20)) ?? []
    const end = line.length + Number.parseInt(size, 16) + 2
    if (!(all.length >= end)) return
    this.#down.push(all.subarray(0, end))
    this.#fate = "hold-back"
    this.#held = [all.subarray(end)]
  }
}

/** What travels: bytes, or how a side ended. */
type Piece = Buffer | "end" | "reset"

/** One direction of a connection: pieces arrive in their order and late by the proxy's delay; a frozen one keeps them. */
class Pipe {
  frozen = false
  readonly #proxy: FaultProxy
  readonly #deliver: (piece: Piece) => void
  readonly #queue: Piece[] = []
  /** How many of the queue have travelled for long enough. */
  #arrived = 0

  constructor(proxy: FaultProxy, deliver: (piece: Piece) => void) {
    this.#proxy = proxy
    this.#deliver = deliver
  }

  push(piece: Piece): void {
    this.#queue.push(piece)
    if (this.#proxy.delayMs > 0) setTimeout(() => this.#arrive(), this.#proxy.delayMs)
    else this.#arrive()
  }

  thaw(): void {
    this.frozen = false
    this.#pass()
  }

  #arrive(): void {
    this.#arrived++
    this.#pass()
  }

  #pass(): void {
    while (this.#arrived > 0 && !this.frozen) {
      this.#arrived--
      const piece = this.#queue.shift()
      if (piece !== undefined) this.#deliver(piece)
    }
  }
}

/** Finds where requests begin in what a client says (RFC 9112). After an upgrade there are none. */
class RequestReader {
  #partial: Buffer = Buffer.alloc(0)
  #bodyBytes = 0

  read(bytes: Buffer): { request?: ProxiedRequest; piece: Buffer }[] {
    const pieces: { request?: ProxiedRequest; piece: Buffer }[] = []
    let rest = Buffer.concat([this.#partial, bytes])
    this.#partial = Buffer.alloc(0)
    while (rest.length > 0) {
      if (this.#bodyBytes > 0) {
        const piece = rest.subarray(0, Math.min(rest.length, this.#bodyBytes))
        this.#bodyBytes -= piece.length
        rest = rest.subarray(piece.length)
        pieces.push({ piece })
        continue
      }
      if (!rest.includes("\r\n\r\n")) {
        this.#partial = rest
        break
      }
      const piece = headOf(rest)
      const head = piece.toString("latin1")
      const upgrade = /^upgrade:/im.test(head)
      this.#bodyBytes = upgrade ? Number.POSITIVE_INFINITY : Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
      const [, method = "", transport = ""] = /^([A-Z]+) (?:\/everwire\/([\w-]+))?/.exec(head) ?? []
      rest = rest.subarray(piece.length)
      pieces.push({ request: { method, transport }, piece })
    }
    return pieces
  }
}

/** The head of a message, with the empty line that ends it. Whoever writes one, writes it at once. */
function headOf(bytes: Buffer): Buffer {
  const end = bytes.indexOf("\r\n\r\n")
  return end < 0 ? bytes : bytes.subarray(0, end + 4)
}

function put(piece: Piece, socket: Socket | undefined): void {
  if (socket === undefined || socket.destroyed) return
  if (piece === "reset") socket.resetAndDestroy()
  else if (piece === "end") socket.end()
  else if (!socket.writableEnded) socket.write(piece)
}
