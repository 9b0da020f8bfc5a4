import type { Entrance } from "../../server/http/entrance.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { FetchDoor } from "./fetch-door.ts"
import { ServedSocket, type SocketHost } from "./served-socket.ts"
import { listen, runtimeSocket, type WebSocketLike } from "./web-socket.ts"

/** What `Deno.serve` tells a handler of a connection. On a Unix socket there is no host name. */
export interface DenoInfo {
  readonly remoteAddr: object
}

/** The member of Deno that a hub uses. */
interface Deno {
  upgradeWebSocket(request: Request, options: { idleTimeout: number }): { socket: WebSocketLike; response: Response }
}

/** Connects a hub with `Deno.serve`. */
export class DenoDoor {
  readonly #door: FetchDoor
  readonly #host: SocketHost
  /**
   * After how many seconds without a message Deno pings, and ends a connection that does not answer in as many more. The
   * hub gives up a silent link before. Then this ends the connection, because Deno's sockets cannot be cut.
   */
  readonly #idleTimeout: number

  constructor(entrance: Entrance, door: FetchDoor) {
    const { clockwork, settings } = entrance
    this.#door = door
    this.#host = { clockwork, maxBatchBytes: settings.maxBatchBytes, takeMs: settings.takeMs }
    this.#idleTimeout = Math.ceil(settings.session.heartbeatTimeoutMs / 1_000)
  }

  readonly answer = (request: Request, info: DenoInfo): Promise<Response> | undefined =>
    this.#answer(request, info, false)

  readonly fetch = async (request: Request, info?: unknown): Promise<Response> =>
    await (this.#answer(request, info, true) ?? new Response(null, { status: 404 }))

  #answer(request: Request, info: unknown, mounted: boolean): Promise<Response> | undefined {
    const again = this.#door.refuseAgain(request)
    if (again !== undefined) return again
    const { upgradeWebSocket } = denoOf(globalThis as { Deno?: Deno }) // absent elsewhere
    // Deno empties a request when it upgrades it.
    const told = request.body === null ? new Request(request.url, { headers: request.headers }) : request
    return this.#door.answer({ request, address: addressOf(info), told, mounted }, (take, protocol) => {
      let upgraded: ReturnType<Deno["upgradeWebSocket"]>
      try {
        // Not by its option `protocol`: Deno looks for that only in a list with a space behind each comma.
        upgraded = upgradeWebSocket(request, { idleTimeout: this.#idleTimeout })
      } catch {
        return undefined // a handshake that is not valid, or was answered before
      }
      const { socket, response } = upgraded
      if (protocol !== undefined) response.headers.set("sec-websocket-protocol", protocol)
      const served = new ServedSocket(runtimeSocket(socket), this.#host, false)
      listen(socket, served)
      socket.addEventListener("open", () => take(served))
      return response
    })
  }
}

function addressOf(info: unknown): string | undefined {
  const { remoteAddr } = Object(info) as { remoteAddr?: unknown }
  const { hostname } = Object(remoteAddr) as { hostname?: unknown }
  return typeof hostname === "string" ? hostname : undefined
}

function denoOf(platform: { Deno?: Deno }): Deno {
  const { Deno: deno } = platform
  if (typeof deno?.upgradeWebSocket === "function") return deno
  throw new EverwireError(
    "misuse",
    "everwire/deno is for Deno.serve: take createHub of everwire/node, or of the entry for this runtime",
  )
}
