import type { Entrance } from "../../server/http/entrance.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { FetchDoor, Take } from "./fetch-door.ts"
import { type RuntimeSocket, ServedSocket } from "./served-socket.ts"

/** The members of Bun's server that a hub uses. */
export interface BunServer {
  upgrade(request: Request, options: { headers?: Record<string, string>; data: unknown }): boolean
  requestIP(request: Request): { readonly address: string } | null
  timeout(request: Request, seconds: number): void
}

/** The members of Bun's `ServerWebSocket` that a hub uses. */
export interface BunSocket {
  readonly data: unknown
  readonly readyState: number
  /** Returns the number of bytes, -1 if the message waits in the send buffer, and 0 if it was dropped. */
  send(data: string | Uint8Array<ArrayBuffer>): number
  close(code: number, reason: string): void
  terminate(): void
  getBufferedAmount(): number
}

/** What `Bun.serve` takes as `websocket`. */
export interface BunWebSocketHandler {
  open(socket: BunSocket): void
  message(socket: BunSocket, data: string | Uint8Array): void
  drain(socket: BunSocket): void
  close(socket: BunSocket, code: number, reason: string): void
  ping(socket: BunSocket): void
  pong(socket: BunSocket): void
  /** Largest message, in bytes: the largest batch that the hub takes. */
  readonly maxPayloadLength: number
  /** 0: the hub's own heartbeats find links that are dead. */
  readonly idleTimeout: number
  readonly sendPings: boolean
  /** Bytes above which Bun drops messages. The hub keeps far fewer waiting. */
  readonly backpressureLimit: number
}

/** The `readyState` of a socket that is open. */
const OPEN = 1

/** What Bun tells of a message that is larger than `maxPayloadLength`, in the place of a close code. */
const TOO_BIG = "Received too big message"

/** Longest idle time that Bun can watch, in seconds. */
const MAX_IDLE_S = 255

/** How much longer than the hub's own deadlines Bun leaves an idle connection open, in seconds. */
const SPARE_S = 5

const NOT_BUN =
  "the second argument is Bun's server: write Bun.serve({ fetch: (request, server) => hub.answer(request, server) ?? ..., websocket: hub.websocket })"
const NO_HANDLER =
  'this server takes no WebSockets: write Bun.serve({ fetch: ..., websocket: hub.websocket }), or leave "websocket" out of the hub\'s transports'

/** A socket that the hub has accepted. It is the `data` of Bun's socket. */
class Accepted {
  readonly take: Take
  /** Undefined until the socket is open. */
  socket: ServedSocket | undefined

  constructor(take: Take) {
    this.take = take
  }
}

/** Connects a hub with `Bun.serve`. */
export class BunDoor {
  readonly #entrance: Entrance
  readonly #door: FetchDoor
  /** How long Bun may leave a connection of the hub's idle, in seconds. 0: for ever. */
  readonly #idleS: number
  readonly websocket: BunWebSocketHandler

  constructor(entrance: Entrance, door: FetchDoor) {
    this.#entrance = entrance
    this.#door = door
    const { clockwork, settings } = entrance
    const { maxBatchBytes, takeMs, holdMs, session } = settings
    const longestMs = Math.max(session.heartbeatTimeoutMs, holdMs, takeMs)
    const idleS = Math.ceil(longestMs / 1_000) + SPARE_S
    this.#idleS = idleS > MAX_IDLE_S ? 0 : idleS
    const host = { clockwork, maxBatchBytes, takeMs }
    this.websocket = {
      maxPayloadLength: maxBatchBytes,
      idleTimeout: 0,
      sendPings: false,
      backpressureLimit: 16 * maxBatchBytes,
      open(socket) {
        const { data } = socket
        if (!(data instanceof Accepted)) return
        data.socket = new ServedSocket(runtimeSocket(socket), host, true)
        data.take(data.socket)
      },
      message: (socket, data) => servedOf(socket)?.came(data),
      drain: (socket) => servedOf(socket)?.emptied(),
      close: (socket, code, reason) => servedOf(socket)?.ended(reason === TOO_BIG ? 1009 : code, reason),
      ping: (socket) => servedOf(socket)?.controlled(),
      pong: (socket) => servedOf(socket)?.controlled(),
    }
  }

  readonly answer = (request: Request, server: BunServer): Promise<Response> | undefined =>
    this.#answer(request, server, false)

  readonly fetch = async (request: Request, server?: unknown): Promise<Response> =>
    await (this.#answer(request, server, true) ?? new Response(null, { status: 404 }))

  #answer(request: Request, server: unknown, mounted: boolean): Promise<Response> | undefined {
    if (!isServer(server)) throw new EverwireError("misuse", NOT_BUN)
    const again = this.#door.refuseAgain(request)
    if (again !== undefined) return again
    if (!this.#entrance.has(new URL(request.url).pathname, mounted)) return undefined
    // Bun ends idle connections after 10 s by default, and streams and polls are idle for longer.
    server.timeout(request, this.#idleS)
    const address = server.requestIP(request)?.address // null once the request is upgraded
    return this.#door.answer({ request, address, mounted }, (take, protocol) => {
      const headers = protocol === undefined ? {} : { "sec-websocket-protocol": protocol }
      try {
        return server.upgrade(request, { headers, data: new Accepted(take) }) ? new Response(null) : undefined
      } catch {
        this.#entrance.misused(NO_HANDLER)
        return new Response(null, { status: 500 })
      }
    })
  }
}

function isServer(given: unknown): given is BunServer {
  const { upgrade, requestIP, timeout } = Object(given) as Partial<BunServer>
  return [upgrade, requestIP, timeout].every((member) => typeof member === "function")
}

function servedOf({ data }: BunSocket): ServedSocket | undefined {
  return data instanceof Accepted ? data.socket : undefined
}

function runtimeSocket(socket: BunSocket): RuntimeSocket {
  return {
    bufferedAmount: () => socket.getBufferedAmount(),
    // What is sent to a socket that is closing is lost on any runtime. Otherwise 0 means that the message was dropped.
    send: (data) => socket.readyState !== OPEN || socket.send(data as string | Uint8Array<ArrayBuffer>) !== 0, // the hub has no shared memory
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  }
}
