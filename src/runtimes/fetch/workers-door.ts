import type { Entrance } from "../../server/http/entrance.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { FetchDoor } from "./fetch-door.ts"
import { ServedSocket, type SocketHost } from "./served-socket.ts"
import { listen, runtimeSocket, type WebSocketLike } from "./web-socket.ts"

/** A socket of workerd. Nothing comes before it is accepted. */
type WorkersSocket = WebSocketLike & { accept(): void }

/** The global of workerd that a hub uses. It makes the client's socket and the server's. */
type WebSocketPair = new () => { readonly 0: unknown; readonly 1: WorkersSocket }

/** Connects a hub with the requests of a Durable Object. */
export class WorkersDoor {
  readonly #door: FetchDoor
  readonly #host: SocketHost

  constructor(entrance: Entrance, door: FetchDoor) {
    const { clockwork, settings } = entrance
    this.#door = door
    this.#host = { clockwork, maxBatchBytes: settings.maxBatchBytes, takeMs: settings.takeMs }
  }

  readonly answer = (request: Request): Promise<Response> | undefined => this.#answer(request, undefined, false)

  readonly fetch = async (request: Request, address?: unknown): Promise<Response> =>
    await (this.#answer(request, address, true) ?? new Response(null, { status: 404 }))

  #answer(request: Request, given: unknown, mounted: boolean): Promise<Response> | undefined {
    const again = this.#door.refuseAgain(request)
    if (again !== undefined) return again
    const told = request.headers.get("cf-connecting-ip") ?? undefined
    const address = typeof given === "string" ? given : told
    return this.#door.answer({ request, address, mounted }, (take, protocol) => {
      const { 0: client, 1: socket } = new (pairOf(globalThis as { WebSocketPair?: WebSocketPair }))() // absent elsewhere
      socket.accept()
      const served = new ServedSocket(runtimeSocket(socket), this.#host, false)
      // The closing handshake is finished by hand in workers of an older compatibility date.
      listen(socket, served, () => finish(socket))
      take(served)
      const headers = protocol === undefined ? {} : { "sec-websocket-protocol": protocol }
      // The standard's ResponseInit knows neither this status nor this member, which are workerd's.
      return new Response(null, { status: 101, headers, webSocket: client } as ResponseInit)
    })
  }
}

function finish(socket: WorkersSocket): void {
  try {
    socket.close(1000, "")
  } catch {
    // It is finished already.
  }
}

function pairOf(platform: { WebSocketPair?: WebSocketPair }): WebSocketPair {
  if (typeof platform.WebSocketPair === "function") return platform.WebSocketPair
  throw new EverwireError(
    "misuse",
    "everwire/workers is for Cloudflare's workers: take createHub of the entry for this runtime",
  )
}
