import type { BunServer, BunSocket, BunWebSocketHandler } from "everwire/bun"

/** A socket of Bun's that its test drives. What the hub sends is in `sent`. */
export class FakeBunSocket implements BunSocket {
  readonly data: unknown
  readyState = 1
  /** What `send` returns: bytes, or -1 (it waits) or 0 (it was dropped). */
  answer: number | undefined
  buffered = 0
  readonly sent: (string | Uint8Array)[] = []
  closedWith: [number, string] | undefined
  isTerminated = false

  constructor(data: unknown) {
    this.data = data
  }

  send(message: string | Uint8Array): number {
    if (this.answer !== 0) this.sent.push(message)
    if (this.answer === -1) this.buffered += message.length
    return this.answer ?? message.length
  }

  close(code: number, reason: string): void {
    this.closedWith ??= [code, reason]
    this.readyState = 2
  }

  terminate(): void {
    this.isTerminated = true
    this.readyState = 3
  }

  getBufferedAmount(): number {
    return this.buffered
  }
}

/** A server of Bun's. It opens a socket for each request that it upgrades, when `open` is called. */
export class FakeBunServer implements BunServer {
  readonly timeouts: number[] = []
  readonly headers: (Record<string, string> | undefined)[] = []
  readonly #upgraded = new Set<Request>()
  readonly #sockets: FakeBunSocket[] = []
  /** Whether `Bun.serve` was given `websocket`. */
  hasHandler = true

  upgrade(request: Request, { headers, data }: { headers?: Record<string, string>; data: unknown }): boolean {
    if (!this.hasHandler) throw new TypeError('set the "websocket" object in Bun.serve({})')
    if (this.#upgraded.has(request) || !request.headers.has("sec-websocket-key")) return false
    this.#upgraded.add(request)
    this.headers.push(headers)
    this.#sockets.push(new FakeBunSocket(data))
    return true
  }

  requestIP(request: Request): { address: string } | null {
    return this.#upgraded.has(request) ? null : { address: "192.0.2.7" }
  }

  timeout(_request: Request, seconds: number): void {
    this.timeouts.push(seconds)
  }

  /** Opens the socket that was upgraded last. */
  open(websocket: BunWebSocketHandler): FakeBunSocket {
    const socket = this.#sockets.at(-1)
    if (socket === undefined) throw new Error("nothing was upgraded")
    websocket.open(socket)
    return socket
  }
}

/** A request for a WebSocket with a valid handshake. */
export function asking(path = "/everwire/websocket", headers: Record<string, string> = {}): Request {
  return new Request(`http://hub.example${path}`, {
    headers: {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-key": "x3JJHMbDL1EzLkh9GBhXDw==",
      ...headers,
    },
  })
}

type Listener = (event: { data?: unknown; code?: number; reason?: string }) => void

/** A socket with the interface of the browsers', as Deno's and workerd's are. `bufferedAmount` is missing on workerd. */
export class FakeWebSocket {
  binaryType = "blob"
  readyState = 0
  bufferedAmount: number | undefined
  /** By how many bytes a message makes `bufferedAmount` grow. */
  growsBytes = 0
  readonly sent: unknown[] = []
  readonly closedWith: [number, string][] = []
  readonly #listeners: [string, Listener][] = []

  accept(): void {
    this.readyState = 1
  }

  addEventListener(event: string, listener: Listener): void {
    this.#listeners.push([event, listener])
  }

  tell(event: string, detail: Parameters<Listener>[0] = {}): void {
    if (event === "open") this.readyState = 1
    if (event === "close") this.readyState = 3
    for (const [name, listener] of this.#listeners) if (name === event) listener(detail)
  }

  send(data: unknown): void {
    if (this.readyState !== 1) throw new Error("InvalidStateError")
    this.sent.push(data)
    if (this.growsBytes > 0) this.bufferedAmount = (this.bufferedAmount ?? 0) + this.growsBytes
  }

  close(code: number, reason: string): void {
    this.closedWith.push([code, reason])
    this.readyState = Math.max(this.readyState, 2)
  }
}
