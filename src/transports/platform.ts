import type { Closing } from "../wire/errors.ts"

/** The platform functions that a client needs. For a missing member, the dialer uses the global scope when it dials. */
export interface Platform {
  /** Opens a WebSocket that offers these subprotocols. Absent if the platform has no WebSocket. */
  openSocket?(url: string, protocols: string[]): ClientSocket
  /** Opens an EventSource. Absent if the platform has none. */
  openStream?(url: string, withCredentials: boolean): ClientStream
  fetch?(url: string, init: FetchInit): Promise<FetchAnswer>
}

/** The part of the WebSocket interface (HTML standard) that the dialer uses. */
export interface ClientSocket {
  binaryType: string
  readonly bufferedAmount: number
  onopen: { listener(event?: unknown): void }["listener"] | null
  onmessage: Listens<{ data: unknown }>
  onclose: Listens<{ code: number; reason: string }>
  onerror: Listens<unknown>
  /** Called if the platform knows why the upgrade was refused; browsers do not tell. `onclose` may follow. */
  onrefused?: ((why: Closing) => void) | null
  send(data: string | OwnBytes): void
  close(code?: number, reason?: string): void
}

/** The part of the EventSource interface (HTML standard) that the dialer uses. */
export interface ClientStream {
  onmessage: Listens<{ data: unknown }>
  onerror: Listens<unknown>
  /** Called if the platform knows why the request was refused; browsers do not tell. `onerror` may follow. */
  onrefused?: ((why: Closing) => void) | null
  close(): void
}

/** The part of `RequestInit` (Fetch standard) that the HTTP dialers set. */
export interface FetchInit {
  method: string
  headers: Record<string, string>
  /** `null` if the envelope is in a header. */
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
   * The body, to be read as it arrives. If it is absent or null, the dialer reads the whole body with `arrayBuffer`;
   * then the whole answer has to arrive before its deadline.
   */
  readonly body?: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> } } | null
  arrayBuffer(): Promise<ArrayBuffer>
}

/**
 * Bytes in memory that is not shared between threads. From TypeScript 5.7 on this is `Uint8Array<ArrayBuffer>`; the
 * type is written so that it compiles in older versions too.
 */
export type OwnBytes = ReturnType<Uint8Array["slice"]>

/**
 * An event listener. Its type comes from a method, because TypeScript checks a method's parameters less strictly: so a
 * platform's own listener types, whose events have more members, are assignable.
 */
type Listens<Event> = { listener(event: Event): void }["listener"] | null
