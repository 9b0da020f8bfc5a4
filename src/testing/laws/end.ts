import type { Link, LinkSink } from "../../session/link.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import { type Batch, decodeBatch, encodeBatch, type Packet } from "../../wire/batch.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import type { Seat } from "./subject.ts"

/** The closing of a law that closes a link for no particular reason. */
export const DONE: Closing = closing("closed", "the law is done with it", false)

/** Placeholder for the link until `dial` has returned. */
const UNDIALED: Link = { name: "", bufferedBytes: 0, send() {}, close() {} }

/** What an end needs from its bench. */
export interface EndHost {
  /** The end's sink was called. */
  news(): void
  /** A call that must not throw has thrown. */
  threw(call: string, error: unknown): void
}

/** One end of a link: it makes the calls of a session and records the calls of its sink. */
export class End implements LinkSink {
  readonly seat: Seat
  readonly origin: LinkOrigin | undefined
  link: Link
  /** The first packet that came: the hello at the hub, the welcome at the channel. */
  opening: string | undefined
  /** All packets after the opening, in order. A transport may join batches, but it must not join or split packets. */
  readonly packets: Packet[] = []
  readonly closings: Closing[] = []
  /** The link's `bufferedBytes` at each call of `writable`. */
  readonly writables: number[] = []
  /** The calls of the sink, in order. */
  readonly told: ("batch" | "closed" | "writable")[] = []
  /** Calls of the sink from inside a call to the link or to its dialer. The contract forbids them. */
  readonly inside: string[] = []
  /** Laws replace these functions to react from inside a callback. */
  onOpening = (_opening: string): void => {}
  onPacket = (_packet: Packet): void => {}
  onClosed = (_why: Closing): void => {}
  onWritable = (): void => {}
  readonly #host: EndHost
  /** The call to the link or the dialer that has not returned yet. */
  #calling: string | undefined

  constructor(host: EndHost, seat: Seat, link = UNDIALED, origin?: LinkOrigin) {
    this.#host = host
    this.seat = seat
    this.link = link
    this.origin = origin
  }

  /** Whether the sink was told that the link is over. */
  get over(): boolean {
    return this.closings.length > 0
  }
  get bufferedBytes(): number {
    return this.link.bufferedBytes
  }
  get asked(): number | undefined {
    return this.link.asked
  }

  /** Sends the packets as one batch. */
  send(...packets: readonly Packet[]): void {
    const batch = encodeBatch(packets)
    this.call("send", () => this.link.send(batch))
  }

  /** Sends each packet as a separate batch. */
  sendEach(packets: readonly Packet[]): void {
    for (const packet of packets) this.send(packet)
  }

  close(why: Closing = DONE): void {
    this.call("close", () => this.link.close(why))
  }

  /** Makes a call that must not throw and that must not call the sink before it returns. */
  call(what: string, run: () => void): void {
    const outer = this.#calling
    this.#calling = what
    try {
      run()
    } catch (error) {
      this.#host.threw(what, error)
    } finally {
      this.#calling = outer
    }
  }

  batch(batch: Batch): void {
    this.#tell("batch")
    for (const packet of read(batch)) {
      if (this.opening === undefined && typeof packet === "string") {
        this.opening = packet
        this.#outside(() => this.onOpening(packet))
      } else {
        this.packets.push(packet)
        this.#outside(() => this.onPacket(packet))
      }
    }
  }

  closed(why: Closing): void {
    this.closings.push(why)
    this.#tell("closed")
    this.#outside(() => this.onClosed(why))
  }

  writable(): void {
    this.writables.push(this.link.bufferedBytes)
    this.#tell("writable")
    this.#outside(() => this.onWritable())
  }

  #tell(what: "batch" | "closed" | "writable"): void {
    this.told.push(what)
    if (this.#calling !== undefined) this.inside.push(`${what} inside ${this.#calling}`)
    this.#host.news()
  }

  /** Runs a law's reaction. Calls of the sink that it causes do not count as made from inside the transport's call. */
  #outside(run: () => void): void {
    const outer = this.#calling
    this.#calling = undefined
    run()
    this.#calling = outer
  }
}

function read(batch: Batch): Packet[] {
  try {
    return decodeBatch(batch)
  } catch {
    return ["a batch that cannot be read"]
  }
}
