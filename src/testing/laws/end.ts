import type { Link, LinkSink } from "../../session/link.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import { type Batch, decodeBatch, encodeBatch, type Packet } from "../../wire/batch.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import type { Seat } from "./subject.ts"

/** What is said when a law closes a link and does not care why. */
export const DONE: Closing = closing("closed", "the law is done with it", false)

/** Stands in for the link while the dial has not returned. */
const UNDIALED: Link = { name: "", bufferedBytes: 0, send() {}, close() {} }

/** What an end needs of its bench. */
export interface EndHost {
  /** The end was told something. */
  news(): void
  /** A call that must not throw did. */
  threw(call: string, error: unknown): void
}

/** One end of a link: makes the calls, and writes down what its sink is told. */
export class End implements LinkSink {
  readonly seat: Seat
  readonly origin: LinkOrigin | undefined
  link: Link
  /** The first packet that came: the hello at the hub, the welcome at the channel. */
  opening: string | undefined
  /** Every packet that came after it, in order. Wires may join batches and never packets. */
  readonly packets: Packet[] = []
  readonly closings: Closing[] = []
  /** `bufferedBytes` at each moment that `writable` was told. */
  readonly writables: number[] = []
  /** What the sink was told, in order. */
  readonly told: ("batch" | "closed" | "writable")[] = []
  /** What it was told from inside a call made to the link or its dialer. */
  readonly inside: string[] = []
  /** Where a law reacts from inside a callback. */
  onOpening = (_opening: string): void => {}
  onPacket = (_packet: Packet): void => {}
  onClosed = (_why: Closing): void => {}
  onWritable = (): void => {}
  readonly #host: EndHost
  /** The call that is being made, while it is. */
  #calling: string | undefined

  constructor(host: EndHost, seat: Seat, link = UNDIALED, origin?: LinkOrigin) {
    this.#host = host
    this.seat = seat
    this.link = link
    this.origin = origin
  }

  /** Whether the other end, or the wire, has ended the link. */
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

  /** Sends each packet as a batch of its own. */
  sendEach(packets: readonly Packet[]): void {
    for (const packet of packets) this.send(packet)
  }

  close(why: Closing = DONE): void {
    this.call("close", () => this.link.close(why))
  }

  /** Makes a call that must not throw, and during which the sink must not be told anything. */
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

  /** A law's own reaction is no call to the link, wherever the transport made the callback. */
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
