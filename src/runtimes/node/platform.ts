import type { IncomingMessage } from "node:http"
import { transferableAbortController } from "node:util"
import { EventSource } from "eventsource"
import { WebSocket } from "ws"
import { refusal } from "../../transports/http/refusal.ts"
import type { ClientSocket, ClientStream, Platform } from "../../transports/transport.ts"
import { type Closing, type Code, closing, explanations } from "../../wire/errors.ts"

/** `closeTimeout` cuts a socket whose other end does not answer a closing frame; the types of `ws` do not know it yet. */
const options = { perMessageDeflate: false, closeTimeout: 2_000 }

/** Node: the `ws` package on every version, because the global WebSocket came late and cannot be cut off. */
export function platform(): Platform {
  return {
    openSocket(url, protocols) {
      const socket = new DialedSocket(url, protocols, options)
      const client = socket as unknown as ClientSocket // implements the named part of the interface
      socket.on("unexpected-response", (_, answer) => {
        client.onrefused?.(refusalOf(url, answer))
        socket.terminate()
      })
      return client
    },
    openStream(url, withCredentials) {
      const stream = new EventSource(url, {
        withCredentials,
        fetch: async (streamed, init) => {
          // The URL holds the ticket, which is the hub's alone to see.
          const answer = await fetch(streamed, { ...init, redirect: "manual", ...withOwnSignal(init.signal) })
          // Neither where it was asked nor where it is sent to may tell the ticket, which nobody has used.
          const bare = (given: string | null): string | null => given?.replace(/\?.*/s, "") ?? null
          const headers = { get: (name: string) => bare(answer.headers.get(name)) }
          if (!answer.ok) client.onrefused?.(refusal(answer.status, headers, Date.now(), bare(url) ?? ""))
          return answer
        },
      })
      const client = stream as unknown as ClientStream // same
      return client
    },
    fetch: (url, init) => fetch(url, { ...init, ...withOwnSignal(init.signal) }).catch(nameCause),
  }
}

/** A WebSocket whose `close` event names what broke the connection. The standard's says 1006 and nothing, for browsers. */
class DialedSocket extends WebSocket {
  #why = ""

  constructor(...args: ConstructorParameters<typeof WebSocket>) {
    super(...args)
    this.once("error", (error) => {
      this.#why = error.message || String((error as { code?: unknown }).code) // an AggregateError has no message
    })
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const named = event === "close" && args[0] === 1006 && this.#why !== ""
    return super.emit(event, ...(named ? [1006, Buffer.from(this.#why)] : args))
  }
}

/** What it means that an upgrade was answered in another way. The hub's own refusal stands in place of the status text. */
function refusalOf(url: string, { statusCode = 0, statusMessage = "", headers }: IncomingMessage): Closing {
  const why = refusal(statusCode, { get: (name) => headers[name]?.toString() ?? null }, Date.now(), url)
  if (!Object.hasOwn(explanations, statusMessage)) return why
  const code = statusMessage as Code // it is one of them
  return { ...why, ...closing(code, `refused by the hub at ${url}`, code !== "origin-refused") }
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

/** The class of Node's own signals: looked up once, for it is always the same. */
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
