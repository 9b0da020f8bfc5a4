import { EventSource } from "eventsource"
import type { ClientStream, FetchAnswer, FetchInit, Platform } from "../../../src/transports/transport.ts"

type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** A fetch for the channel that counts open requests, and loses or garbles those that the test chooses. */
export class FaultyFetch {
  readonly #fetch: Fetch
  /** For each request without a complete answer: its abort controller and its description. */
  readonly #open = new Map<AbortController, string>()
  readonly #streams = new Set<ClientStream>()
  #lose: "request" | "answer" | undefined
  #garble: "request" | "answer" | "event" | undefined
  /** Id of the newest link. */
  #newest = ""
  #condition: "works" | "refused" | "unanswered" = "works"

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  get platform(): Platform {
    return {
      fetch: (url, init) => this.#exchange(url, init),
      openStream: (url) => this.#openStream(url),
    }
  }

  get leftovers(): string[] {
    return [...this.#open.values(), ...Array.from(this.#streams, () => "an open stream")]
  }

  lose(what: "request" | "answer"): void {
    this.#lose = what
  }

  /** A request is garbled if it is an upload on the newest link. */
  garble(what: "request" | "answer" | "event"): void {
    this.#garble = what
  }

  /** Aborts all requests in flight. */
  sever(): void {
    for (const abort of [...this.#open.keys()]) {
      abort.abort(new TypeError("the connection broke"))
      this.#open.delete(abort)
    }
  }

  /** From now on every request fails, or is never answered. */
  become(condition: "refused" | "unanswered"): void {
    this.#condition = condition
    this.sever()
  }

  async #exchange(url: string, init: FetchInit): Promise<FetchAnswer> {
    const losing = this.#take("#lose")
    const sent = typeof init.body === "string" ? init.body : new TextDecoder().decode(init.body ?? new Uint8Array())
    const isVictim = this.#garble === "request" && sent.includes(this.#newest) && sent !== ""
    const garbling = isVictim ? this.#take("#garble") : undefined
    if (losing === "request") throw new TypeError("the request was lost")
    const body = garbling === undefined ? init.body : "\u0000 no batch"
    const { answer, done } = await this.#begin(url, { ...init, body })
    try {
      const bytes = await answer.arrayBuffer()
      const [, opened] = /^@{"link":"([^"]*)/.exec(new TextDecoder().decode(bytes)) ?? []
      if (opened !== undefined && sent !== "" && !sent.includes('"link"')) this.#newest = opened
      if (losing === "answer") throw new TypeError("the answer was lost")
      const garbage = this.#garble === "answer" ? this.#take("#garble") : undefined
      return {
        status: answer.status,
        headers: answer.headers,
        arrayBuffer: async () => (garbage === undefined ? bytes : new TextEncoder().encode("{ no batch").buffer),
      }
    } finally {
      done()
    }
  }

  /** Begins a request that the caller's signal and `sever` abort. */
  async #begin(url: string, init: RequestInit): Promise<{ answer: Response; done(): void }> {
    const abort = new AbortController()
    const stop = (): void => abort.abort(init.signal?.reason)
    init.signal?.addEventListener("abort", stop)
    this.#open.set(abort, `${init.method ?? "GET"} ${new URL(url).pathname}`)
    const done = (): void => {
      this.#open.delete(abort)
      init.signal?.removeEventListener("abort", stop)
    }
    try {
      if (this.#condition === "refused") throw new TypeError("nobody listens there")
      if (this.#condition === "unanswered") await aborted(abort.signal)
      return { answer: await this.#fetch(url, { ...init, signal: abort.signal }), done }
    } catch (error) {
      done()
      throw error
    }
  }

  #openStream(url: string): ClientStream {
    const source = new EventSource(url, {
      fetch: async (address, init) => {
        const { answer, done } = await this.#begin(String(address), init)
        init.signal?.addEventListener("abort", done)
        return answer
      },
    })
    const stream: ClientStream = {
      onmessage: null,
      onerror: null,
      close: () => {
        this.#streams.delete(stream)
        source.close()
      },
    }
    source.onmessage = ({ data }) => {
      const garbage = this.#garble === "event" ? this.#take("#garble") : undefined
      stream.onmessage?.({ data: garbage === undefined ? data : "=%%%" })
    }
    source.onerror = (error) => stream.onerror?.(error)
    this.#streams.add(stream)
    return stream
  }

  #take(what: "#lose" | "#garble"): "request" | "answer" | "event" | undefined {
    const taken = what === "#lose" ? this.#lose : this.#garble
    if (what === "#lose") this.#lose = undefined
    else this.#garble = undefined
    return taken
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)))
}
