import { type Channel, type ClientStream, createChannel, type FetchAnswer, type FetchInit } from "everwire"
import { createHub, type Peer } from "everwire/server"
import { createVirtualRuntime } from "everwire/testing"
import { turns } from "../laws/rigs/settle.ts"
import type { Side, Way } from "./slow-place.ts"

/** Approximate bytes of the heads of a request and of its answer. */
const HEAD_BYTES = 250
/** Virtual time advances in steps of this size, and promises and web streams continue between the steps. */
const STEP_MS = 5

interface Words {
  up: { bulk: string; chat: number }
  down: { bulk: string; chat: number }
  requests: object
}

export interface SlowHttpOptions {
  readonly transport: "sse" | "long-poll" | "short-poll"
  readonly bytesPerSecond: number
  readonly roundTripMs: number
}

/**
 * A channel and a hub that use HTTP over a slow line. All requests share the line, and each direction carries one at a
 * time.
 */
export class SlowHttp {
  readonly runtime = createVirtualRuntime()
  readonly channel: Channel<Words>
  readonly heard: Readonly<Record<Way, string[]>> = { up: [], down: [] }
  /** The delay of each chat line that came down, in ms. */
  readonly agesMs: number[] = []
  readonly statuses: string[] = []
  /** The number of requests so far. */
  requests = 0
  peer: Peer<Words> | undefined
  readonly #options: SlowHttpOptions
  readonly #hub
  readonly #freeAt: Record<Way, number> = { up: 0, down: 0 }

  constructor(options: SlowHttpOptions) {
    const { runtime } = this
    this.#options = options
    this.#hub = createHub<Words>({ runtime })
    this.#hub.onPeer((peer) => {
      this.peer = peer
    })
    this.#hub.on("bulk", (bulk) => this.heard.up.push(bulk))
    this.channel = createChannel<Words>("http://hub.test/everwire", {
      store: null,
      runtime,
      transports: [options.transport],
      platform: {
        fetch: (url, init) => this.#fetch(url, init),
        openStream: (url) => this.#openStream(url),
      },
    })
    this.channel.on("bulk", (bulk) => void this.heard.down.push(bulk))
    this.channel.on("chat", (saidAt) => void this.agesMs.push(runtime.now() - saidAt))
    this.channel.onStatus((status) => void this.statuses.push(status))
  }

  /** The end that sends in this direction. */
  side(way: Way): Side {
    const side: unknown = way === "up" ? this.channel : this.peer
    if (side === undefined) throw new Error("the hub has no peer yet")
    return side as Side // A channel and a peer send the same messages, and both have writable().
  }

  /** Lets time pass until `holds()` is true. Returns the ms that this took, or `Infinity` after `limitMs`. */
  async passUntil(holds: () => boolean, limitMs: number): Promise<number> {
    const startedAt = this.runtime.now()
    while (this.runtime.now() - startedAt <= limitMs) {
      if (holds()) return this.runtime.now() - startedAt
      this.runtime.advance(STEP_MS)
      await turns(2)
    }
    return Number.POSITIVE_INFINITY
  }

  async #fetch(url: string, init: FetchInit): Promise<FetchAnswer> {
    this.requests++
    const { signal, body } = init
    await this.#carry("up", body === null || body === undefined ? 0 : Buffer.byteLength(body), signal)
    const answer = await this.#hub.fetch(new Request(url, { ...init, body: body as BodyInit | null }))
    const bytes = await answer.arrayBuffer()
    await this.#carry("down", bytes.byteLength, signal)
    return { status: answer.status, headers: answer.headers, arrayBuffer: async () => bytes }
  }

  #openStream(url: string): ClientStream {
    const stream: ClientStream = { onmessage: null, onerror: null, close: () => abort.abort() }
    const abort = new AbortController()
    const read = async (): Promise<void> => {
      await this.#carry("up", 0, abort.signal)
      const answer = await this.#hub.fetch(new Request(url, { signal: abort.signal }))
      let text = ""
      for await (const piece of answer.body ?? []) {
        void this.#carry("down", piece.length, abort.signal).then(
          () => {
            text += Buffer.from(piece).toString()
            for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
              const data = text.slice("data:".length, end).replaceAll("\ndata:", "\n")
              text = text.slice(end + 2)
              stream.onmessage?.({ data })
            }
          },
          () => {}, // The stream was closed meanwhile.
        )
      }
    }
    read().catch((error) => stream.onerror?.(error))
    return stream
  }

  /** Resolves when `bytes` and one head have passed the line. */
  #carry(way: Way, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const { bytesPerSecond, roundTripMs } = this.#options
    const passedAt = Math.max(this.runtime.now(), this.#freeAt[way]) + (1_000 * (bytes + HEAD_BYTES)) / bytesPerSecond
    this.#freeAt[way] = passedAt
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("given up")))
      this.runtime.after(passedAt + roundTripMs / 2 - this.runtime.now(), resolve)
    })
  }
}
