import { checkUrl } from "../client/options.ts"
import type { Hub } from "../server/hub.ts"
import type { LinkOrigin, ServerSocket } from "../transports/transport.ts"
import { EverwireError } from "../wire/errors.ts"

/** What makes the handlers: `http` and `ws` as msw exports them, from version 2.6 on. Nothing else of msw is used. */
export interface Msw<HttpHandler, SocketHandler> {
  readonly http: { all(path: string, answer: (info: { request: Request }) => Promise<Response>): HttpHandler }
  readonly ws: { link(url: string): MswLink<SocketHandler> }
}

/** What `ws.link` gives. */
export interface MswLink<SocketHandler> {
  addEventListener(type: "connection", listener: (connection: MswConnection) => void): SocketHandler
}

/** A WebSocket that was opened, and the subprotocols that it was opened with. */
export interface MswConnection {
  readonly client: MswClient
  readonly info: { readonly protocols: string | readonly string[] | undefined }
}

/** A WebSocket of the page as msw's handlers see it. */
export interface MswClient {
  readonly url: URL
  send(data: string | ArrayBuffer): void
  close(code: number, reason: string): void
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void
}

/**
 * Handlers of msw that bring everything under a hub's URL to a hub in the same process, for `setupServer`, `setupWorker`
 * and `use`. Which transports work through them, and what msw does not tell, is in `docs/testing.md`.
 *
 * @param url What the front end gives to `createChannel`.
 * @param hub From `everwire/server` or `everwire/node`; not attached to anything.
 * @throws EverwireError `misuse` when the URL does not end in the hub's `path`: then no request would find the hub.
 * @example
 * const hub = createHub()
 * const server = setupServer(...mswHandlers("https://chat.example/everwire", hub, { http, ws }))
 */
export function mswHandlers<HttpHandler, SocketHandler>(
  url: string | URL,
  hub: Pick<Hub, "path" | "fetch" | "upgrade">,
  { http, ws }: Msw<HttpHandler, SocketHandler>,
): (HttpHandler | SocketHandler)[] {
  const { href, origin } = checkUrl(url)
  if (!href.slice(origin.length).endsWith(hub.path)) {
    throw new EverwireError("misuse", `the hub lives at ${hub.path}, which this URL does not end in: ${href}`)
  }
  return [
    // This one first: the `ws` package on Node upgrades by a request, which msw cannot carry and the hub answers 426.
    http.all(`${href}/*`, ({ request }) => {
      // Requests reach msw without the Origin that a browser adds later, but with the cookies of a mocked login.
      if (!request.headers.has("origin")) request.headers.set("origin", origin)
      return hub.fetch(request)
    }),
    ws
      .link(`${href.replace(/^http/, "ws")}/*`)
      .addEventListener("connection", (connection) => connect(connection, hub)),
  ]
}

/** WebSockets that a hub has been asked to take: msw shows each to all handlers, the latest first. None is kept alive. */
const shown = new WeakSet<MswClient>()

function connect({ client, info }: MswConnection, hub: Pick<Hub, "upgrade">): void {
  if (shown.has(client)) return
  shown.add(client)
  const headers = new Map([["host", client.url.host]])
  // There is no handshake: the hello that goes with it is seen here.
  if (info.protocols !== undefined) headers.set("sec-websocket-protocol", String(info.protocols))
  const header = (name: string): string | undefined => headers.get(name)
  const verdict = hub.upgrade(client.url.pathname, { header }, true)
  // There is no status to refuse it with: the socket closes before it opens.
  if (verdict === undefined || "refusal" in verdict) return client.close(1011, "this hub takes no WebSocket")
  const origin: LinkOrigin = { transport: "websocket", address: undefined, header }
  verdict.take(createSocket(client), origin)
}

function createSocket(client: MswClient): ServerSocket {
  return {
    bufferedAmount: 0, // msw takes everything at once
    send: (data) => client.send(typeof data === "string" ? data : data.slice().buffer),
    // msw hands a frame over at the end of the tick, and not at all when the socket has been closed by then.
    close: (code, reason) => queueMicrotask(() => client.close(code, reason)),
    terminate: () => client.close(1011, ""),
    hear(sink) {
      client.addEventListener("message", ({ data }) => {
        sink.message(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)) // what the dialer sent
      })
      client.addEventListener("close", ({ code, reason }) => sink.closed(code, reason))
    },
  }
}
