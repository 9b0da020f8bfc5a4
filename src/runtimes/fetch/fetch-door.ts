import type { Entrance } from "../../server/http/entrance.ts"
import type { LinkOrigin, ServerSocket } from "../../transports/transport.ts"
import { SUBPROTOCOL } from "../../transports/websocket/offer.ts"

/** Has the hub take the socket. Called once, when the socket is open. */
export type Take = (socket: ServerSocket, address?: string) => void

/**
 * Upgrades a request that the hub has accepted. `protocol` is the subprotocol to agree to, undefined for none. Returns the
 * answer, or undefined if the runtime refuses.
 */
export type Upgrade = (take: Take, protocol: string | undefined) => Response | undefined

/** A request to the hub, with what the runtime knows of it. */
export interface Asking {
  readonly request: Request
  /** Address of the other end of the connection. */
  readonly address: string | undefined
  /** What `authenticate` receives as the request of a WebSocket. Default: the request. */
  readonly told?: Request
  /** As in `Hub.exchange`. */
  readonly mounted: boolean
}

/** What the hub decides about a request for a WebSocket. */
export type Judged = { readonly refusal: Response } | { readonly take: Take; readonly protocol: string | undefined }

const TWICE =
  "a request for a WebSocket was upgraded before the hub was asked: ask the hub first, and once for each request"

/** Connects a hub with servers that answer a Request with a Response and upgrade a Request to a WebSocket. */
export class FetchDoor {
  readonly #entrance: Entrance
  readonly #upgraded = new WeakSet<Request>()

  constructor(entrance: Entrance) {
    this.#entrance = entrance
  }

  /**
   * Answers a request, over HTTP or by an upgrade. Undefined if its path is not the hub's. The runtime upgrades during
   * the call.
   */
  answer(asking: Asking, upgrade: Upgrade): Promise<Response> | undefined {
    const { request, address, mounted } = asking
    if (!asksForWebSocket(request)) return this.#entrance.answer(request, address, mounted)
    const judged = this.judge(asking)
    if (judged === undefined) return undefined
    if ("refusal" in judged) return Promise.resolve(judged.refusal)
    const answer = upgrade(judged.take, judged.protocol)
    if (answer !== undefined) this.#upgraded.add(request)
    return Promise.resolve(answer ?? refused(400, "protocol-error"))
  }

  /** Refuses a request that was upgraded before. Undefined for any other. Some runtimes let nothing of it be read any more. */
  refuseAgain(request: Request): Promise<Response> | undefined {
    if (!this.#upgraded.has(request)) return undefined
    this.#entrance.misused(TWICE)
    return Promise.resolve(refused(400, "misuse"))
  }

  /** Decides about a request for a WebSocket. Undefined if its path is not the hub's. */
  judge({ request, address, told = request, mounted }: Asking): Judged | undefined {
    const { protocol, pathname, host } = new URL(request.url)
    // A copy: some runtimes empty the request when they upgrade it.
    const headers = new Headers(request.headers)
    const header = (name: string): string | undefined => headers.get(name) ?? (name === "host" ? host : undefined)
    const isSecure = /^(?:https|wss):$/.test(protocol) || undefined
    const verdict = this.#entrance.upgrade(pathname, { header, address, isSecure }, mounted)
    if (verdict === undefined) return undefined
    if ("refusal" in verdict) {
      const { code, retryAfterMs } = verdict.refusal
      return { refusal: refused(verdict.status, code, retryAfterMs) }
    }
    const offered = header("sec-websocket-protocol")
      ?.split(",")
      .map((name) => name.trim())
    const take = (socket: ServerSocket, known = address): void => {
      const origin: LinkOrigin = { transport: "websocket", address: known, header, request: told }
      verdict.take(socket, origin)
    }
    return { take, protocol: offered?.includes(SUBPROTOCOL) === true ? SUBPROTOCOL : undefined }
  }
}

function asksForWebSocket({ headers }: Request): boolean {
  return /\bwebsocket\b/i.test(headers.get("upgrade") ?? "")
}

/** Refuses an upgrade, as on Node. The answer repeats nothing of the request. */
function refused(status: number, statusText: string, retryAfterMs?: number): Response {
  // The client may have sent frames already, which are no requests.
  const headers = new Headers({ connection: "close" })
  if (retryAfterMs !== undefined) headers.set("retry-after", String(Math.ceil(retryAfterMs / 1_000)))
  return new Response(null, { status, statusText, headers })
}
