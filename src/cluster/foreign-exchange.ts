import type { HttpExchange, HttpStream } from "../transports/transport.ts"
import { type Closing, EverwireError } from "../wire/errors.ts"
import { readClosing } from "../wire/handshake.ts"
import type { Line, Strand } from "./neighbours.ts"
import { ABORT, CHUNK, CUT, DONE, LEAVING, READ, RESPOND, STREAM } from "./passed-exchange.ts"

/** An exchange that reached another process and is answered here. */
export class ForeignExchange implements HttpExchange, Strand {
  readonly method: string
  readonly path: string
  readonly header: (name: string) => string | undefined
  readonly address: string | undefined
  readonly #line: Line
  readonly #ticket: string | undefined
  readonly #body: Uint8Array
  #aborted: (() => void)[] = []
  #leaving: { lost(why: Closing): void } | undefined
  /** What the answer's stream was given and the client's network has not taken. */
  #unread = 0
  #drained: (() => void) | undefined

  constructor(line: Line, [method, path, ticket, headers, address, body]: readonly unknown[]) {
    const known = new Map(Object.entries(headers as Record<string, string>)) // `describe` wrote all of these
    this.#line = line
    this.method = String(method)
    this.path = String(path)
    this.header = (name) => known.get(name)
    this.address = typeof address === "string" ? address : undefined
    this.#ticket = typeof ticket === "string" ? ticket : undefined
    this.#body = body instanceof Uint8Array ? body : new Uint8Array()
  }

  query(name: string): string | undefined {
    return name === "ticket" ? this.#ticket : undefined
  }

  async body(maxBytes: number, more?: (beginning: Uint8Array) => number): Promise<Uint8Array> {
    const body = this.#body
    const most = body.length > maxBytes ? (more?.(body.subarray(0, maxBytes)) ?? maxBytes) : maxBytes
    if (body.length > most) throw new EverwireError("too-large", "the body is too large")
    return body
  }

  respond(status: number, headers: Readonly<Record<string, string>>, body?: string | Uint8Array): void {
    this.#line.say(RESPOND, status, headers, body ?? null)
    this.#end()
  }

  stream(status: number, headers: Readonly<Record<string, string>>): HttpStream {
    this.#line.say(STREAM, status, headers)
    const unread = (): number => this.#unread
    return {
      get bufferedBytes() {
        return unread()
      },
      write: (text) => {
        this.#unread += text.length
        this.#line.say(CHUNK, text)
      },
      end: () => {
        this.#line.say(DONE)
        this.#end()
      },
      cut: () => this.cut(),
      onDrain: (run) => {
        this.#drained = run
      },
    }
  }

  cut(): void {
    this.#line.say(CUT)
    this.#end()
  }

  onAbort(run: () => void): void {
    this.#aborted.push(run)
  }

  onLeaving(link: { lost(why: Closing): void }): void {
    this.#leaving = link
  }

  hear(what: number, [first]: readonly unknown[]): void {
    switch (what) {
      case ABORT:
        this.#line.end()
        return this.lost()
      case LEAVING:
        return this.#leaving?.lost(readClosing(first))
      case READ:
        this.#unread = Math.max(0, this.#unread - Number(first))
        if (this.#unread === 0) this.#drained?.()
        return
      default:
    }
  }

  lost(): void {
    const aborted = this.#aborted
    this.#end()
    for (const run of aborted) run()
  }

  #end(): void {
    this.#line.end()
    this.#aborted = []
    this.#leaving = undefined
  }
}
