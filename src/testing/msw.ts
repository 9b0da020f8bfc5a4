import { checkUrl } from "../client/options.ts"
import type { Hub } from "../server/hub.ts"
import type { LinkOrigin, ServerSocket } from "../transports/transport.ts"
import { EverwireError } from "../wire/errors.ts"

/** The exports `http` and `ws` of msw, version 2.6 or later. Nothing else of msw is used. */
export interface Msw<HttpHandler, SocketHandler> {
  readonly http: { all(path: string, answer: (info: { request: Request }) => Promise<Response>): HttpHandler }
  readonly ws: { link(url: string): MswLink<SocketHandler> }
}

/** The return value of msw's `ws.link`. */
export interface MswLink<SocketHandler> {
  addEventListener(type: "connection", listener: (connection: MswConnection) => void): SocketHandler
}

/** A WebSocket that the page has opened, and the subprotocols that the page passed to its constructor. */
export interface MswConnection {
  readonly client: MswClient
  readonly info: { readonly protocols: string | readonly string[] | undefined }
}

/** The page's end of a WebSocket, as msw's handlers see it. */
export interface MswClient {
  readonly url: URL
  send(data: string | ArrayBuffer): void
  close(code: number, reason: string): void
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void
}

/**
 * Makes handlers for msw's `setupServer`, `setupWorker` and `use`. They pass every request and WebSocket below the
 * hub's URL to a hub in the same process. `docs/testing.md` says which transports work this way and what msw does not
 * report.
 *
 * @param url The URL that the front end passes to `createChannel`.
 * @param hub A hub from `everwire/server` or `everwire/node` that is not attached to a server.
 * @throws EverwireError `misuse` when the URL does not end in the hub's `path`, because no request would reach the hub.
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
    // The HTTP handler comes first: the `ws` package of Node upgrades with a request, which msw cannot carry. The hub
    // answers that request with 426.
    http.all(`${href}/*`, ({ request }) => {
      // msw sees a request before the browser adds its Origin header, but with the cookies of a mocked login. The hub
      // refuses requests with cookies and without an Origin, so the header is added here.
      if (!request.headers.has("origin")) request.headers.set("origin", origin)
      return hub.fetch(request)
    }),
    ws
      .link(`${href.replace(/^http/, "ws")}/*`)
      .addEventListener("connection", (connection) => connect(connection, hub)),
  ]
}

/** WebSockets that were already passed to a hub. msw shows each WebSocket to all handlers, the newest first. Holds none alive. */
const shown = new WeakSet<MswClient>()

function connect({ client, info }: MswConnection, hub: Pick<Hub, "upgrade">): void {
  if (shown.has(client)) return
  shown.add(client)
  const headers = new Map([["host", client.url.host]])
  // msw has no upgrade request. A channel puts its hello in the subprotocols, so the header is made from these.
  if (info.protocols !== undefined) headers.set("sec-websocket-protocol", String(info.protocols))
  const header = (name: string): string | undefined => headers.get(name)
  const verdict = hub.upgrade(client.url.pathname, { header }, true)
  // Without an upgrade request there is no HTTP status to refuse with, so the socket is closed before it opens.
  if (verdict === undefined || "refusal" in verdict) return client.close(1011, "this hub takes no WebSocket")
  const origin: LinkOrigin = { transport: "websocket", address: undefined, header }
  verdict.take(createSocket(client), origin)
}

function createSocket(client: MswClient): ServerSocket {
  return {
    bufferedAmount: 0, // msw buffers nothing
    send: (data) => client.send(typeof data === "string" ? data : data.slice().buffer),
    // msw delivers a frame at the end of the tick and drops it if the socket is closed by then, so the close waits too.
    close: (code, reason) => queueMicrotask(() => client.close(code, reason)),
    terminate: () => client.close(1011, ""),
    hear(sink) {
      client.addEventListener("message", ({ data }) => {
        sink.message(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)) // a dialer sends no Blob
      })
      client.addEventListener("close", ({ code, reason }) => sink.closed(code, reason))
    },
  }
}
