import type { Clockwork } from "../session/clockwork.ts"
import type { Link, LinkSink } from "../session/link.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Closing } from "../wire/errors.ts"
import type { Platform } from "./platform.ts"

export type { Alarm, Clockwork, Slot } from "../session/clockwork.ts"
export type { Link, LinkSink } from "../session/link.ts"
export type { Batch } from "../wire/batch.ts"
export type { ClientSocket, ClientStream, FetchAnswer, FetchInit, OwnBytes, Platform } from "./platform.ts"

/** The hub that a dialer connects to, and the means that it may use. */
export interface Target {
  /** The hub's URL with `http:` or `https:`, without a trailing slash. */
  readonly url: string
  readonly runtime: Runtime
  /**
   * The WebSocket, EventSource and `fetch` that the application injected. A dialer reads it when it dials, never when
   * the module loads.
   */
  readonly platform: Platform
  /** Whether requests to another origin carry cookies. */
  readonly withCredentials: boolean
  /** How long the hub may leave a poll unanswered on this network, in milliseconds. */
  readonly holdMs: number
  /**
   * The dialer calls this when the network cut a poll. `holdMs` is a hold that the network may allow, in milliseconds.
   * The channel remembers it for the next dial.
   */
  learnHold(holdMs: number): void
}

/** The client half of a transport. */
export interface Dialer {
  /** The transport's name. The acceptor has the same one. */
  readonly name: string
  /**
   * Whether a proxy may hold the bytes of this transport back while the link looks open, as one that buffers streams
   * does. A welcomed link of such a transport carries traffic, but the channel gives up the lower rungs only after the
   * link has answered a probe. Default false.
   */
  readonly streamed?: boolean
  /**
   * For a transport whose links each occupy an HTTP connection for as long as they live. A browser opens six
   * connections to a host over HTTP/1.1, for all tabs together. Set this to `shareConnections`: with it, the tabs of an
   * origin share four of them. If you leave it out, put such a transport last in the ladder.
   */
  readonly holds?: ((host: ConnectionsHost) => Connections) | undefined
  /** Whether this platform has the APIs that the transport needs. */
  supported(platform: Platform): boolean
  /**
   * Starts a link and returns it at once. The link buffers batches that are sent before its connection is open. It
   * reports a failure by `sink.closed`. To cancel the dial, close the link.
   */
  dial(target: Target, sink: LinkSink): Link
  /**
   * Sends the hub a bye without a link, when a channel closes while no link works or when its page is unloaded. The
   * request starts before this returns, because the page may be gone right after. The promise resolves when the hub has
   * answered, or after `GOODBYE_MS` of tries. Absent on a transport that cannot do this: then the hub keeps the session
   * for its resume window.
   */
  leave?(target: Target, bye: string): Promise<void>
}

/** What a channel gives to `holds`, so that its links can share the browser's connections. */
export interface ConnectionsHost {
  readonly runtime: Runtime
  /** The hub's URL. */
  readonly url: string
  /** The verdicts of this origin: each has a name and a time, in milliseconds since the epoch, until which it holds. */
  readonly verdicts: { brokenUntil(name: string, now: number): number; condemn(name: string, now: number): void }
  /**
   * To be called when a connection that the channel waited for has become free, or when the channel must give its own
   * up because other tabs asked first.
   */
  changed(): void
}

/** Decides when the links of one channel may occupy one of the browser's few connections. */
export interface Connections {
  /** Whether the channel must not dial a link that occupies a connection, because other tabs occupy all that may be. */
  isCrowded(): boolean
  /**
   * When a link may occupy a connection, in milliseconds of the runtime's clock. 0: at once. A later time: it is not
   * known yet, ask again then. `Infinity`: no connection is free.
   */
  freeAt(): number
  /**
   * The channel occupies no connection any more. `waits`: a request for one that is not granted yet stays in the queue.
   */
  leave(waits?: boolean): void
  /**
   * Calls `run` after `leastMs` and some time for an answer, in milliseconds, so that a link can give its connection up
   * to others. Returns the canceller, or undefined where connections are not scarce. The time is random, so that tabs
   * do not all yield together: one free connection may be enough for all of them.
   */
  yieldAfter(leastMs: number, rttMs: number, run: () => void): (() => void) | undefined
}

/** What the request that opened a link tells about the client. */
export interface LinkOrigin {
  /** The transport's name. */
  readonly transport: string
  /** The client's IP address, if known. Behind a proxy that `trustProxy` does not name, it is the proxy's address. */
  readonly address: string | undefined
  /** Returns a header of the request that opened the link. `name` is in lower case. */
  header(name: string): string | undefined
  /**
   * The request that opened the link, for middleware that reads login sessions: Node's `http.IncomingMessage`, or the
   * web's `Request` if it came through `hub.fetch`. Absent where the server has no such object.
   */
  readonly request?: unknown
}

/** What a hub gives to an acceptor: the hub's limits, its clock, and `admit` for new links. */
export interface Door {
  readonly runtime: Runtime
  /**
   * Alarms for the deadlines of many links. They may ring a little late, but cost less than one `runtime.after` each.
   */
  readonly clockwork: Clockwork
  /** Id of this hub. Every answer over HTTP carries it. */
  readonly hub: string
  /** Largest batch that a link may pass to its sink, in bytes. */
  readonly maxBatchBytes: number
  /** Longest time that a poll is left unanswered, in milliseconds. */
  readonly holdMs: number
  /** Registers a new link and returns its sink. The first batch that the link passes to the sink must be a hello. */
  admit(link: Link, origin: LinkOrigin): LinkSink
  /**
   * Handles a bye that came without a link (see `Dialer.leave`). Returns why it was refused, or undefined if it was
   * accepted. Every hub has this; a door in your own tests may omit it.
   * @throws EverwireError `protocol-error`
   */
  leave?(bye: string): Closing | undefined
  /** Present on a hub that is one of several: the exchanges whose link another process has. */
  readonly elsewhere?: Elsewhere | undefined
}

/**
 * Links and tickets that other processes gave out. An HTTP transport whose hub is one of several takes its ids from here,
 * and passes on what names an id that it does not know.
 */
export interface Elsewhere {
  /** Returns an unguessable id that tells every process which one gave it. At most 64 characters. */
  createId(): string
  /** Whether another living process gave this id. Costs nothing. */
  has(id: string): boolean
  /**
   * The hub that gave this id, if it was another process and that has ended. No process knows the id any more then, so a
   * channel that is told so in the name of that hub need not ask again.
   */
  endedHub(id: string): string | undefined
  /**
   * Reserves memory for a large body that is to be passed on. Returns the function that frees it.
   *
   * @throws EverwireError `over-capacity` if there are too many
   */
  reserve(bytes: number): () => void
  /**
   * Has the process that gave this id answer the exchange; `body` is its body if that was read. Returns false if no other
   * living process gave it. Calls `unreached` if that process dies before it has begun an answer.
   *
   * @throws EverwireError `over-capacity` if too much is open to that process
   */
  answer(id: string, exchange: HttpExchange, unreached: () => void, body?: Uint8Array): boolean
}

/** The server half of a transport. */
export interface Acceptor {
  readonly name: string
  /** The hub calls this once, when it is created with this acceptor. */
  open(door: Door): OpenAcceptor
}

/**
 * An acceptor that a hub has opened. The hub routes to it only what it has a method for: exchanges, sockets, or both.
 */
export interface OpenAcceptor {
  /**
   * Answers one HTTP exchange on `<hub path>/<transport name>`. The hub has checked the Origin before.
   *
   * If it throws or rejects with an EverwireError, the hub answers 400 with the error's code (413 for `too-large`, 408
   * for `timeout`, 404 for `link-unknown`, 405 for `refused`) and calls `hub.onRefused`. On any other error the hub
   * answers 500 and reports the error to the application. If the acceptor has `socket` too, it may resolve to `false`:
   * then the hub answers 426, because the client must upgrade.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: an acceptor's method may return nothing
  exchange?(exchange: HttpExchange): Promise<unknown> | void
  /** Takes a WebSocket over after its handshake. The hub has checked the Origin before. */
  socket?(socket: ServerSocket, origin: LinkOrigin): void
  /** Releases what the acceptor itself keeps. The hub closes the links. */
  close?(): void
}

/** One HTTP request and its answer, in the same shape for every kind of server. */
export interface HttpExchange {
  readonly method: string
  /** Path of the URL, without the query. */
  readonly path: string
  /** Returns one parameter of the URL's query, or undefined. */
  query(name: string): string | undefined
  /**
   * Returns one header; `name` is in lower case. The function may be kept after the exchange: it references the headers
   * only, so the rest of the exchange can be freed.
   */
  readonly header: (name: string) => string | undefined
  /**
   * IP address of the other end of the connection. In an exchange that an acceptor receives, it is the client's
   * address, if the hub knows it from `trustProxy`.
   */
  readonly address: string | undefined
  /** Whether the connection itself uses TLS. Undefined if that is not known. */
  readonly isSecure?: boolean | undefined
  /** The server's own request object, which `authenticate` receives. */
  readonly request?: unknown
  /**
   * Reads the whole body and counts its bytes as they arrive. When the body exceeds `maxBytes`, `more` is called with
   * the bytes so far and returns the new limit, in bytes; if it throws, the reading ends. May be called once at most.
   * @throws EverwireError `too-large`, `timeout`, `network`
   */
  body(maxBytes: number, more?: (beginning: Uint8Array) => number): Promise<Uint8Array>
  /** Sends the whole answer. For each exchange, at most one of `respond` and `stream` is called. */
  respond(status: number, headers: Readonly<Record<string, string>>, body?: string | Uint8Array): void
  /** Starts an answer whose text body stays open. */
  stream(status: number, headers: Readonly<Record<string, string>>): HttpStream
  /** Bytes of the answer that the network has not taken yet. Absent if the server cannot tell. */
  readonly unsentBytes?: number | undefined
  /** Ends the connection at once. Absent if the server cannot do that. */
  cut?(): void
  /** Calls `run` once if the client disconnects before the answer is complete, as soon as the server knows. */
  onAbort(run: () => void): void
  /**
   * Calls `link.lost` when the exchange has to end. `hub-closing`: the HTTP server is closing and waits for its
   * answers, so the answer must be completed at once; this also comes if the server was already closing before the
   * call. `timeout`: the client does not read its answer. Absent if the server can tell neither.
   */
  onLeaving?(link: { lost(why: Closing): void }): void
}

/** The body of an HTTP answer that stays open. */
export interface HttpStream {
  write(text: string): void
  end(): void
  /** Ends the stream at once and drops bytes that the network has not taken. Absent if the server cannot do that. */
  cut?(): void
  /** Bytes that were written and that the network has not taken yet. */
  readonly bufferedBytes: number
  /** Calls `run` when `bufferedBytes` has fallen to 0 after it had grown. */
  onDrain(run: () => void): void
}

/** A WebSocket on the server, after its handshake. The adapter of each runtime wraps that runtime's socket in this. */
export interface ServerSocket {
  /** Bytes that were sent and that the network has not taken yet. */
  readonly bufferedAmount: number
  /** Bytes that have arrived of a message that is not complete. Absent if the runtime cannot tell. */
  readonly incomingBytes?: number | undefined
  /** Sends one message: text for a string, binary for bytes. Does nothing when the socket is not open. */
  send(data: string | Uint8Array): void
  close(code: number, reason: string): void
  /** Ends the connection at once, without a closing handshake. */
  terminate(): void
  /** Sets the sink for all events of this socket. Called once, before the first event. */
  hear(sink: SocketSink): void
  /**
   * Stops reading from the network until `resume`, so that the client has to wait. A message that was read before may
   * still come. Absent if the runtime's socket cannot pause: then the hub queues incoming messages, and closes the link
   * when they exceed its limit.
   */
  pause?(): void
  resume?(): void
}

/** Receives the events of a WebSocket on the server. */
export interface SocketSink {
  message(data: string | Uint8Array): void
  /** `bufferedAmount` has fallen to 0 after it had grown. */
  drained(): void
  /** The first message is larger than a hello may be. Comes before the message is complete. */
  overflowed?(): void
  /** Another `bytes` bytes have arrived of a large message that is not complete yet. */
  keeps?(bytes: number): void
  /** The socket has closed, by either end or by an error. Comes once. */
  closed(code: number, reason: string): void
}
