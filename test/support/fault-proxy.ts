import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"

/** One request that passes the proxy. */
export interface ProxiedRequest {
  readonly method: string
  /** The transport in its path; `""` for any other path. */
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

/** What happens to the open connections of a transport that is taken away. */
type End = "reset" | "silence"

/** A TCP proxy in front of a local hub, which can treat connections as networks and other proxies do. */
export class FaultProxy {
  /** The delay of each byte in ms, in each direction. The TCP handshake has none. */
  delayMs = 0
  /** The fate of each request whose transport has not been taken away. */
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
    // The server listens on a TCP port, so its address is not a pipe.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/everwire`
  }

  /** The fate of a request that comes now. */
  fateOf(request: ProxiedRequest): Fate {
    return this.#taken.get(request.transport) ?? this.judge(request)
  }

  /** Takes a transport away: its new requests meet this fate, and its open connections this end. */
  take(transport: string, fate: Fate = { status: 403 }, end: End = "reset"): void {
    this.#taken.set(transport, fate)
    for (const connection of this.#carrying(transport)) {
      if (end === "reset") connection.reset()
      else connection.freeze()
    }
  }

  /**
   * Gives one transport (or all) back. Dials in a black hole are reset, as if the machine that dropped them had
   * restarted.
   */
  giveBack(transport?: string): void {
    for (const connection of this.#carrying(transport)) if (connection.swallowed) connection.reset()
    if (transport === undefined) this.#taken.clear()
    else this.#taken.delete(transport)
  }

  /** Resets all connections, or those of this transport: both ends are told at once. */
  reset(transport?: string): void {
    for (const connection of this.#carrying(transport)) connection.reset()
  }

  /** Resets new connections at once, for this time. */
  refuseFor(ms: number): void {
    this.refusing = true
    setTimeout(() => {
      this.refusing = false
    }, ms)
  }

  /** Stops all bytes without telling the ends. New connections are accepted, and nothing moves on them either. */
  freeze(): void {
    this.#frozen = true
    this.silence()
  }

  /** Stops the bytes on the present connections, in one direction or both. New connections work. */
  silence(direction?: Direction): void {
    for (const connection of this.#connections) connection.freeze(direction)
  }

  /** Lets frozen and silent connections continue. The waiting bytes are delivered. */
  thaw(): void {
    this.#frozen = false
    for (const connection of this.#connections) connection.thaw()
  }

  /** Resets one side of every connection; the other side is left open and receives nothing. */
  halfOpen(side: "client" | "hub"): void {
    for (const connection of this.#connections) connection.halfOpen(side)
  }

  /**
   * The hub still receives and answers requests on their way, but the answers are lost, and then the connections are
   * reset.
   */
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

/** How long the hub keeps receiving on a connection whose answers are lost. */
const LOSS_MS = 100

/** One connection through the proxy: the client's socket and, once a request may pass, a socket to the hub. */
class Connection {
  /** The transport of the last request. */
  transport = ""
  /** Called when both sockets are closed. */
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
  /** The bytes of a stream's answer that are held back. */
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

  /** Whether its request is in a black hole, so that no answer comes. */
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
    // The answer comes after the delay of the way up; the way down adds its own.
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

  /** Lets the head of a stream and its first `events` events pass. Each event is one chunk of the chunked coding. */
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

/** One direction of a connection. Pieces arrive in order after the proxy's delay; a frozen direction keeps them. */
class Pipe {
  frozen = false
  readonly #proxy: FaultProxy
  readonly #deliver: (piece: Piece) => void
  readonly #queue: Piece[] = []
  /** How many pieces of the queue have waited for the delay. */
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

/** Finds where requests begin in a client's bytes (RFC 9112). After an upgrade there are no further requests. */
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

/** The head of a message, with the empty line that ends it. Both ends write a head in one piece. */
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
