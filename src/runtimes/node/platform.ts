import type { IncomingMessage } from "node:http"
import { transferableAbortController } from "node:util"
import { EventSource } from "eventsource"
import { WebSocket } from "ws"
import { refusal } from "../../transports/http/refusal.ts"
import type { ClientSocket, ClientStream, Platform } from "../../transports/transport.ts"
import { type Closing, type Code, closing, explanations } from "../../wire/errors.ts"

/**
 * `closeTimeout` cuts a socket whose other end does not answer the closing frame, in milliseconds. The types of `ws`
 * lack it.
 */
const options = { perMessageDeflate: false, closeTimeout: 2_000 }

/** Node uses the `ws` package in every version, because its global WebSocket came late and cannot be terminated. */
export function platform(): Platform {
  return {
    openSocket(url, protocols) {
      const socket = new DialedSocket(url, protocols, options)
      const client = socket as unknown as ClientSocket // has all members of the interface
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
          // The URL contains the ticket, which only the hub may see, so redirects are not followed.
          const answer = await fetch(streamed, { ...init, redirect: "manual", ...withOwnSignal(init.signal) })
          // The ticket is still unused, so the reason must not contain it: neither in the URL nor in the redirect's
          // target.
          const bare = (given: string | null): string | null => given?.replace(/\?.*/s, "") ?? null
          const headers = { get: (name: string) => bare(answer.headers.get(name)) }
          if (!answer.ok) client.onrefused?.(refusal(answer.status, headers, Date.now(), bare(url) ?? ""))
          return answer
        },
      })
      const client = stream as unknown as ClientStream // has all members of the interface
      return client
    },
    fetch: (url, init) => fetch(url, { ...init, ...withOwnSignal(init.signal) }).catch(nameCause),
  }
}

/** A WebSocket whose `close` event says what broke the connection. By the standard it says only 1006. */
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

/**
 * Turns the answer that refused an upgrade into a closing. If the hub refused it, the status text is the hub's code.
 */
function refusalOf(url: string, { statusCode = 0, statusMessage = "", headers }: IncomingMessage): Closing {
  const why = refusal(statusCode, { get: (name) => headers[name]?.toString() ?? null }, Date.now(), url)
  if (!Object.hasOwn(explanations, statusMessage)) return why
  const code = statusMessage as Code // it is one of them
  return { ...why, ...closing(code, `refused by the hub at ${url}`, code !== "origin-refused") }
}

/** The error of Node's `fetch` always says "fetch failed". Throws an error with the message of its cause instead. */
function nameCause(error: unknown): never {
  const { cause } = error as { cause?: Partial<NodeJS.ErrnoException & AggregateError> } // anything may be thrown
  const first: Partial<NodeJS.ErrnoException> | undefined = cause?.errors?.[0] ?? cause // if several addresses failed
  if (!first?.message) throw error
  const named = new Error(first.message, { cause: error })
  named.name = first.code ?? named.name
  throw named
}

/** There is no page to keep anything for. In Node, reading `localStorage` would already print a warning. */
export function store(): undefined {}

/** The class of Node's own signals. Looked up once, because it never changes. */
let OwnSignal: unknown

/**
 * Node's `fetch` accepts only Node's own signals, but test runners replace the global AbortController by that of jsdom.
 * Returns one of Node's signals, made with `node:util`, that aborts when the given one does.
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
