import type { Arrival } from "../server/cluster.ts"
import type { Link, LinkSink } from "../session/link.ts"
import { type Batch, sizeOf } from "../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../wire/defaults.ts"
import type { Closing } from "../wire/errors.ts"
import { readClosing, readHello } from "../wire/handshake.ts"
import type { Line, Strand } from "./neighbours.ts"
import { ABANDON, BATCH, CLOSE, ENDED, STATE, TAKEN } from "./relay.ts"
import { decodePrincipal } from "./told-principal.ts"

/** So many bytes of input are processed before the other process is told. */
const TELL_BYTES = LINK_BUFFER_BYTES / 4

/** Reads what `introduce` wrote. */
export function readArrival([hello, principal, transport, address, headers]: readonly unknown[]): Arrival {
  const known = new Map(Object.entries(headers as Record<string, string>)) // `introduce` wrote all of these
  return {
    hello: readHello(String(hello)),
    principal: decodePrincipal(principal as Uint8Array),
    transport: String(transport),
    address: typeof address === "string" ? address : undefined,
    header: (name) => known.get(name),
  }
}

/** A link that ends at another process, as the owner of its session sees it. */
export class RelayedLink implements Link, Strand {
  readonly name: string
  readonly exchanges: boolean
  asked: number | undefined
  reached: boolean | undefined
  wasGivenUp = false
  keptBytes = 0
  /** Set right after construction. */
  sink: LinkSink | undefined
  readonly #line: Line
  /** Bytes that were sent, and how many of them the client's network has taken. */
  #sent = 0
  #taken = 0
  /** Bytes of input that were processed since the other process was told. */
  #processed = 0
  #isClosed = false

  constructor(line: Line, [, , transport, , , exchanges, asked, reached, keptBytes]: readonly unknown[]) {
    this.#line = line
    this.name = String(transport)
    this.exchanges = exchanges === true
    this.#stand(asked, reached, keptBytes)
  }

  /** Also what is still on its way to the other process. */
  get bufferedBytes(): number {
    return this.#sent - this.#taken
  }

  send(batch: Batch): void {
    if (this.#isClosed) return
    this.#sent += sizeOf(batch)
    this.#line.say(BATCH, batch)
  }

  close(why: Closing): void {
    if (this.#isClosed) return
    this.#line.say(CLOSE, why)
    this.#end()
  }

  abandon(): void {
    if (!this.#isClosed) this.#line.say(ABANDON)
  }

  hear(what: number, args: readonly unknown[]): void {
    const [first, second, third, fourth] = args
    switch (what) {
      case BATCH:
        return this.#input(first as Batch) // the other process got it from its link
      case STATE:
        this.#stand(first, second, third)
        this.#taken = Number(fourth)
        return this.sink?.writable()
      case ENDED:
        this.reached = typeof second === "boolean" ? second : undefined
        this.wasGivenUp = third === true
        return this.lost(readClosing(first))
      default:
    }
  }

  lost(why: Closing): void {
    if (this.#isClosed) return
    this.#end()
    this.sink?.closed(why)
  }

  #stand(asked: unknown, reached: unknown, keptBytes: unknown): void {
    this.asked = typeof asked === "number" ? asked : undefined
    this.reached = typeof reached === "boolean" ? reached : undefined
    this.keptBytes = Number(keptBytes)
  }

  #input(batch: Batch): void {
    const { sink } = this
    sink?.batch(batch)
    // The other process stops reading its socket when too much was not processed.
    if (sink?.isBusy === true) sink.whenIdle?.(() => this.#process(sizeOf(batch)))
    else this.#process(sizeOf(batch))
  }

  #process(bytes: number): void {
    this.#processed += bytes
    if (this.#processed < TELL_BYTES || this.#isClosed) return
    this.#line.say(TAKEN, this.#processed)
    this.#processed = 0
  }

  #end(): void {
    this.#isClosed = true
    this.#line.end()
  }
}
