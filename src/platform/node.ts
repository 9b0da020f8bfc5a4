import type { IncomingMessage } from "node:http"
import { transferableAbortController } from "node:util"
import { EventSource } from "eventsource"
import { WebSocket } from "ws"
import { explanations } from "../kernel/errors.ts"
import type { ClientSocket, ClientStream, Platform } from "../transports/transport.ts"

/** `closeTimeout` cuts a socket whose other end does not answer a closing frame; the types of `ws` do not know it yet. */
const options = { perMessageDeflate: false, closeTimeout: 2_000 }

/** Node: the `ws` package on every version, because the global WebSocket came late and cannot be cut off. */
export function platform(): Platform {
  return {
    openSocket(url, protocols) {
      const socket = new DialedSocket(url, protocols, options)
      return socket as unknown as ClientSocket // implements the named part of the interface
    },
    openStream(url, withCredentials) {
      const stream = new EventSource(url, {
        withCredentials,
        fetch: (streamed, init) => fetch(streamed, { ...init, ...withOwnSignal(init.signal) }),
      })
      return stream as unknown as ClientStream // same
    },
    fetch: (url, init) => fetch(url, { ...init, ...withOwnSignal(init.signal) }).catch(nameCause),
  }
}

/** A WebSocket whose `close` event says why there was no handshake: the standard's says 1006 and nothing, for browsers. */
class DialedSocket extends WebSocket {
  /** Code and reason of a closing frame that would say the same. */
  #why: [code: number, reason: string] | undefined

  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args)
    this.once("error", (error) => {
      this.#why ??= [1006, error.message || String((error as { code?: unknown }).code)] // an AggregateError has no message
    })
    this.once("unexpected-response", (_, answer) => {
      this.#why = whyOf(this.url, answer)
      this.terminate()
    })
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const why = event === "close" && args[0] === 1006 ? this.#why : undefined
    return super.emit(event, ...(why === undefined ? args : [why[0], Buffer.from(why[1])]))
  }
}

/** An answer that is no upgrade, as a closing frame. The hub's own refusal stands in place of the status text. */
function whyOf(url: string, { statusCode = 0, statusMessage = "", headers }: IncomingMessage): [number, string] {
  if (Object.hasOwn(explanations, statusMessage)) {
    return [statusMessage === "origin-refused" ? 4001 : 4000, `${statusMessage}: refused by the hub at ${url}`]
  }
  if (statusCode >= 300 && statusCode < 400) return [4000, `redirected: ${url} redirects to ${headers.location}`]
  const code = statusCode === 429 || statusCode === 503 ? "rate-limited" : "refused"
  return [4000, `${code}: ${url} answered with status ${statusCode}`]
}

/** Node's `fetch` says "fetch failed", whatever did: what its error holds about the cause says more. */
function nameCause(error: unknown): never {
  const { cause } = error as { cause?: Partial<NodeJS.ErrnoException & AggregateError> } // anything may be thrown
  const first: Partial<NodeJS.ErrnoException> | undefined = cause?.errors?.[0] ?? cause // where several addresses were tried
  if (!first?.message) throw error
  const named = new Error(first.message, { cause: error })
  named.name = first.code ?? named.name
  throw named
}

/** There is no page to remember for. Node warns of its `localStorage` when that is only looked at. */
export function store(): undefined {}

let OwnSignal: unknown

/**
 * Node's `fetch` takes no signal but Node's own, and test runners put jsdom's AbortController in its place. `node:util` can
 * still make Node's: that aborts when the other does.
 */
function withOwnSignal(signal: AbortSignal | null | undefined): { signal?: AbortSignal } {
  if (!signal) return {}
  OwnSignal ??= transferableAbortController().signal.constructor
  if (signal.constructor === OwnSignal) return { signal }
  const own = transferableAbortController()
  if (signal.aborted) own.abort()
  signal.addEventListener("abort", () => own.abort(), { once: true })
  return { signal: own.signal }
}
