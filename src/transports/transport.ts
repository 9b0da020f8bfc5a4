import type { Clockwork } from "../session/clockwork.ts"
import type { Link, LinkSink } from "../session/link.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Closing } from "../wire/errors.ts"

export type { Alarm, Clockwork, Slot } from "../session/clockwork.ts"
export type { Link, LinkSink } from "../session/link.ts"
export type { Batch } from "../wire/batch.ts"

/** Where a dialer dials, and with what. */
export interface Target {
  /** The hub's URL with `http:` or `https:`, without a trailing slash. */
  readonly url: string
  readonly runtime: Runtime
  /** The platform's own means, or those that the application injected. Read when dialing, never at load. */
  readonly platform: Platform
  /** Whether cookies go along to another origin. */
  readonly withCredentials: boolean
  /** For how long a poll may be held on this network, in milliseconds. */
  readonly holdMs: number
  /** Tells that this network cut a poll, and how long a hold it may allow; remembered for the next dial. */
  learnHold(holdMs: number): void
}

/** The client half of a transport. */
export interface Dialer {
  /** The transport's name: the same as the acceptor's. */
  readonly name: string
  /**
   * Whether something on the way may hold this transport's bytes back while it looks open (a proxy that buffers streams).
   * Such a link carries traffic when welcomed, but the rungs below it are only let go once it has answered a probe.
   */
  readonly streamed?: boolean
  /**
   * Given where a link keeps a connection of HTTP for as long as it lives. Browsers open six to a host over HTTP/1.1, for all
   * tabs together; `shareConnections`, which is to stand here, has the tabs of an origin share four of them. Without one,
   * such a transport comes last in the ladder.
   */
  readonly holds?: ((host: ConnectionsHost) => Connections) | undefined
  /** Whether this platform has what the transport needs. */
  supported(platform: Platform): boolean
  /**
   * Starts a link. Synchronous: what is sent before the wire is open waits inside the link, a failure arrives as
   * `sink.closed`, and cancelling is closing the link.
   */
  dial(target: Target, sink: LinkSink): Link
  /**
   * Brings the hub a bye that needs no link, for a channel that leaves while none works and for a page that is left. Starts
   * before it returns, because a page may be gone right after. Resolves when the hub has heard it, or when it has
   * been tried for `GOODBYE_MS`. Absent where the transport cannot: then the hub keeps the session for its resume window.
   */
  leave?(target: Target, bye: string): Promise<void>
}

/** What a channel lends for the sharing of connections. */
export interface ConnectionsHost {
  readonly runtime: Runtime
  /** The hub's URL. */
  readonly url: string
  /** What is believed not to work here: by a name, and until when; remembered for the origin. */
  readonly verdicts: { brokenUntil(name: string, now: number): number; condemn(name: string, now: number): void }
  /** A connection may be held now, which had to be waited for; or other tabs were before the link that holds one. */
  changed(): void
}

/** Which links of one channel may hold one of few connections. */
export interface Connections {
  /** Whether links that would hold a connection are not dialed now, because others hold as many as there may be. */
  isCrowded(): boolean
  /** When a connection may be held: 0 for now, later when that is not known yet, without an end when none is to be had. */
  freeAt(): number
  /** No connection is held any more. `waits`: one that was not to be had yet is still waited for. */
  leave(waits?: boolean): void
  /**
   * Where connections are few, a link that holds one yields it after `leastMs` and some time for an answer, by `run`.
   * Returns the canceller. The time is random: the first link that is yielded may be all that everybody waits for.
   */
  yieldAfter(leastMs: number, rttMs: number, run: () => void): (() => void) | undefined
}

/** Who is at the other end of a link, as far as its wire can tell. */
export interface LinkOrigin {
  /** The transport's name. */
  readonly transport: string
  /** The client's address, where there is one. Behind a proxy that `trustProxy` does not name it is the proxy's. */
  readonly address: string | undefined
  /** A header of the request that opened the link, by lower-case name. */
  header(name: string): string | undefined
  /**
   * That request itself, for middleware that reads sessions: Node's `http.IncomingMessage`, or the web's `Request` where it
   * came through `hub.fetch`. Absent where there is none.
   */
  readonly request?: unknown
}

/** What the hub lends an acceptor. */
export interface Door {
  readonly runtime: Runtime
  /** Alarms for the deadlines of many links, which may ring a little late: cheaper than `runtime.after` for each. */
  readonly clockwork: Clockwork
  /** Id of this hub, for every answer. */
  readonly hub: string
  /** Largest batch a link may bring in, in bytes. */
  readonly maxBatchBytes: number
  /** For how long a poll is held at most, in milliseconds. */
  readonly holdMs: number
  /** Takes a new link in. The first batch of the sink must be a hello. */
  admit(link: Link, origin: LinkOrigin): LinkSink
  /**
   * Hears a bye that came beside the links (see `Dialer.leave`). Returns why it was refused, if it was. Hubs have it; a door
   * of your own tests may go without.
   * @throws EverwireError `protocol-error`
   */
  leave?(bye: string): Closing | undefined
}

/** The server half of a transport. */
export interface Acceptor {
  readonly name: string
  /** Called once by the hub that it is given to. */
  open(door: Door): OpenAcceptor
}

/** An acceptor at work. What it can take tells the hub's doors what to bring it. */
export interface OpenAcceptor {
  /**
   * Answers one HTTP exchange on `<hub path>/<transport name>`. The Origin check has passed.
   *
   * An EverwireError that it throws, or rejects with, is answered 400 with its code (413 for `too-large`, 408 for
   * `timeout`, 404 for `link-unknown`, 405 for `refused`), and `hub.onRefused` hears of it; anything else 500, and the hub's owner is told. Where there is a `socket` too, a promise of `false`
   * leaves the answer to the hub: 426, because an upgrade is wanted.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: an acceptor's method may return nothing
  exchange?(exchange: HttpExchange): Promise<unknown> | void
  /** Takes a WebSocket over after its handshake. The Origin check has passed. */
  socket?(socket: ServerSocket, origin: LinkOrigin): void
  /** Ends what the acceptor itself keeps (not the links, which the hub closes). */
  close?(): void
}

/** One HTTP request and its answer, whatever server it comes from. */
export interface HttpExchange {
  readonly method: string
  /** Path of the URL, without the query. */
  readonly path: string
  /** One parameter of the query. */
  query(name: string): string | undefined
  /** One header, by lower-case name. The function may be kept after the exchange and holds nothing else of it. */
  readonly header: (name: string) => string | undefined
  /** Address of the other end of the connection; in what an acceptor is given, the client's, as far as it is known. */
  readonly address: string | undefined
  /** Whether the connection itself has TLS; undefined where that is not known. */
  readonly isSecure?: boolean | undefined
  /** The server's own object for the request, for `authenticate`. */
  readonly request?: unknown
  /**
   * Reads the whole body, counting bytes as they come. When one becomes larger than `maxBytes`, `more` is given what has come
   * and answers how large it may be; it may throw, which ends the reading. Called once at most.
   * @throws EverwireError `too-large`, `timeout`, `network`
   */
  body(maxBytes: number, more?: (beginning: Uint8Array) => number): Promise<Uint8Array>
  /** Answers at once. At most one of `respond` and `stream` is called. */
  respond(status: number, headers: Readonly<Record<string, string>>, body?: string | Uint8Array): void
  /** Answers with an open body of text. */
  stream(status: number, headers: Readonly<Record<string, string>>): HttpStream
  /** Bytes of the answer that the network has not taken. Absent where nobody can tell. */
  readonly unsentBytes?: number | undefined
  /** Ends the connection at once. Absent where that cannot be done. */
  cut?(): void
  /** Calls back once when the client is known to have gone before the answer was complete. */
  onAbort(run: () => void): void
  /**
   * Tells a link when the exchange has to end: because the server that the request came through is closing, or has begun to
   * since, and waits for its answers (`hub-closing`: the answer is to be completed at once), or because the client does not
   * take what it is sent (`timeout`). Absent where neither can be told.
   */
  onLeaving?(link: { lost(why: Closing): void }): void
}

/** An answer that stays open. */
export interface HttpStream {
  write(text: string): void
  end(): void
  /** Ends it at once, with what has not been taken. A server that cannot tell may go without. */
  cut?(): void
  /** Bytes written and not yet taken by the network. */
  readonly bufferedBytes: number
  /** Calls back when `bufferedBytes` has fallen to nothing after it had grown. */
  onDrain(run: () => void): void
}

/** A WebSocket on the server, after its handshake. Whoever brings one wraps the socket of his runtime. */
export interface ServerSocket {
  /** Bytes sent and not yet taken by the network. */
  readonly bufferedAmount: number
  /** Bytes of a message that has not come whole. Absent where nobody can tell. */
  readonly incomingBytes?: number | undefined
  /** Sends one message: text for a string, binary for bytes. Does nothing when the socket is not open. */
  send(data: string | Uint8Array): void
  close(code: number, reason: string): void
  /** Ends the connection at once, without a closing handshake. */
  terminate(): void
  /** Called once, before anything can come. */
  hear(sink: SocketSink): void
  /**
   * Reads nothing more from the network until `resume`, so that whoever sends has to wait. A message that was read before may
   * still come. Absent where a runtime's socket cannot: then the hub keeps what waits, and closes the link when that is too much.
   */
  pause?(): void
  resume?(): void
}

/** What is told by a WebSocket on the server. */
export interface SocketSink {
  message(data: string | Uint8Array): void
  /** `bufferedAmount` has fallen to nothing after it had grown. */
  drained(): void
  /** What comes of the first message is larger than a hello may be. */
  overflowed?(): void
  /** So much more has come of a message that is large and not whole. */
  keeps?(bytes: number): void
  /** The socket has closed, for whatever reason; comes once. */
  closed(code: number, reason: string): void
}

/** Bytes in memory that no thread shares, in the words of any TypeScript: from 5.7 on, `Uint8Array<ArrayBuffer>`. */
export type OwnBytes = ReturnType<Uint8Array["slice"]>

/** What is called with an event. A method's parameter, so that the platform's own types, which say more of it, fit. */
type Listens<Event> = { listener(event: Event): void }["listener"] | null

/** The part of the WebSocket interface (HTML standard) that the dialer uses. */
export interface ClientSocket {
  binaryType: string
  readonly bufferedAmount: number
  onopen: { listener(event?: unknown): void }["listener"] | null
  onmessage: Listens<{ data: unknown }>
  onclose: Listens<{ code: number; reason: string }>
  onerror: Listens<unknown>
  /** Called where the platform knows how the upgrade was refused; browsers do not tell. `onclose` may follow. */
  onrefused?: ((why: Closing) => void) | null
  send(data: string | OwnBytes): void
  close(code?: number, reason?: string): void
}

/** The part of the EventSource interface (HTML standard) that the dialer uses. */
export interface ClientStream {
  onmessage: Listens<{ data: unknown }>
  onerror: Listens<unknown>
  /** Called where the platform knows how the request was refused; browsers do not tell. `onerror` may follow. */
  onrefused?: ((why: Closing) => void) | null
  close(): void
}

/** What a client needs of its platform. A member that is missing is asked of the global scope when dialing. */
export interface Platform {
  /** Opens a WebSocket that offers these subprotocols; absent where there is none. */
  openSocket?(url: string, protocols: string[]): ClientSocket
  /** Opens an EventSource; absent where there is none. */
  openStream?(url: string, withCredentials: boolean): ClientStream
  fetch?(url: string, init: FetchInit): Promise<FetchAnswer>
}

/** The part of `RequestInit` (Fetch standard) that the HTTP dialers set. */
export interface FetchInit {
  method: string
  headers: Record<string, string>
  /** `null` where the envelope is in a header. */
  body: string | OwnBytes | null
  credentials: "include" | "same-origin"
  redirect: "manual"
  cache: "no-store"
  keepalive?: boolean
  signal?: AbortSignal
}

/** The part of `Response` that the HTTP dialers read. */
export interface FetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  /**
   * The body as it comes. Where it is absent or null, `arrayBuffer` gives all of it at its end, and then the whole answer
   * has to come in before its deadline.
   */
  readonly body?: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> } } | null
  arrayBuffer(): Promise<ArrayBuffer>
}
