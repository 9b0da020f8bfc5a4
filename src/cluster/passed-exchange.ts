import type { Alarm, Clockwork, Flushable, Slot } from "../session/clockwork.ts"
import type { HttpExchange, HttpStream } from "../transports/transport.ts"
import type { Line, Strand } from "./neighbours.ts"

/** What the two ends of an exchange that was passed on say. The process that the exchange reached: */
export const EXCHANGE = 11
export const ABORT = 12
export const LEAVING = 13
export const READ = 14
/** The process that answers: */
export const RESPOND = 15
export const STREAM = 16
export const CHUNK = 17
export const DONE = 18
export const CUT = 19

/** Headers that are passed on with an exchange: those that an acceptor reads for a link that it has. */
const HEADERS = ["content-type", "content-length", "everwire", "origin"]

/** How often a stream that holds data is asked whether the network has taken it, in milliseconds. */
const LOOK_MS = 100

/** What the other process hears first of an exchange. */
export function describe(exchange: HttpExchange, body: Uint8Array | undefined): unknown[] {
  const { method, path, header, address } = exchange
  const headers = HEADERS.flatMap((name): [string, string][] => {
    const value = header(name)
    return value === undefined ? [] : [[name, value]]
  })
  return [method, path, exchange.query("ticket") ?? null, Object.fromEntries(headers), address ?? null, body ?? null]
}

/** An exchange that reached this process and is answered by another one. */
export class PassedExchange implements Strand, Flushable, Alarm {
  slot: Slot | undefined
  readonly #exchange: HttpExchange
  readonly #clockwork: Clockwork
  /** Answers the exchange if the other process cannot be reached. */
  readonly #unreached: () => void
  #line: Line | undefined
  #stream: HttpStream | undefined
  /** Length of what the stream was given and the other process was not told to be taken. */
  #untold = 0

  constructor(exchange: HttpExchange, clockwork: Clockwork, unreached: () => void) {
    this.#exchange = exchange
    this.#clockwork = clockwork
    this.#unreached = unreached
  }

  begin(line: Line): void {
    this.#line = line
    this.#exchange.onAbort(() => {
      this.#line?.say(ABORT)
      this.#end()
    })
    this.#exchange.onLeaving?.({ lost: (why) => this.#line?.say(LEAVING, why) })
  }

  hear(what: number, [first, second, third]: readonly unknown[]): void {
    const headers = second as Record<string, string> // of an answer; the acceptor of the other process gave all of these
    switch (what) {
      case RESPOND:
        this.#end()
        return this.#exchange.respond(first as number, headers, (third ?? undefined) as string | Uint8Array | undefined)
      case STREAM:
        this.#stream = this.#exchange.stream(first as number, headers)
        return this.#stream.onDrain(() => this.flushNow())
      case CHUNK: {
        const text = String(first)
        this.#untold += text.length
        this.#stream?.write(text)
        return this.#clockwork.flushSoon(this)
      }
      case DONE:
        this.#end()
        return this.#stream?.end()
      case CUT:
        this.#end()
        return this.#cut()
      default:
    }
  }

  lost(): void {
    this.#end()
    if (this.#stream === undefined) this.#unreached()
    else this.#cut()
  }

  ring(): void {
    this.flushNow()
  }

  /** Tells the other process what the network has taken, when it has taken all. */
  flushNow(): void {
    if (this.#line === undefined || this.#stream === undefined || this.#untold === 0) return
    if (this.#stream.bufferedBytes > 0) return this.#clockwork.set(this, this.#clockwork.now() + LOOK_MS)
    this.#line.say(READ, this.#untold)
    this.#untold = 0
  }

  #cut(): void {
    const stream = this.#stream
    if (stream === undefined) return this.#exchange.cut?.()
    if (stream.cut === undefined) stream.end()
    else stream.cut()
  }

  #end(): void {
    this.#line?.end()
    this.#line = undefined
    this.#clockwork.clear(this)
  }
}
