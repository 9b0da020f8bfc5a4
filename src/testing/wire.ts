import type { Runtime } from "../session/runtime.ts"
import type { Batch, Link, LinkSink } from "../transports/transport.ts"
import { type Closing, closing } from "../wire/errors.ts"
import type { Line } from "./line.ts"
import { type Cargo, Pipe } from "./pipe.ts"

/** One of the two ends of a wire: the end that dialed, or the end that accepted. */
export type WireEnd = "dialer" | "acceptor"

/** `up` is from the dialer to the acceptor. */
export type Direction = "up" | "down"

/** What a wire needs from its network. */
export interface WireHost {
  now(): number
  after(delayMs: number, run: () => void): () => void
  transitMs(): number
  readonly windowBytes: number
  /** The line of each direction, which all wires share. */
  readonly lines: Readonly<Record<Direction, Line>>
  /** Bytes of this cargo have passed the line. `last`: the whole cargo has. */
  passed(direction: Direction, cargo: Cargo, bytes: number, last: boolean): void
  /** Whether the network holds this cargo back, because it is frozen or because this transport is obstructed. */
  holds(wire: Wire, direction: Direction, cargo: Cargo): boolean
  /** The dial has arrived. The network makes the acceptor's end, or refuses the dial. */
  accept(wire: Wire): void
  note(wire: Wire, text: string, batch?: Batch): void
  /** Both ends are over, so the network can forget the wire. */
  over(wire: Wire): void
}

/** One link as the network sees it: its two ends, and the faults that a test can cause between them. */
export class Wire {
  /** The transport's name. */
  readonly name: string
  /** Counts the wires of a network, from 1. */
  readonly number: number
  readonly dialer: WireLink
  /** The hub's end. Undefined until the dial has arrived and been accepted. */
  acceptor: WireLink | undefined
  /** The runtime of the hub that accepted. */
  acceptedBy: Runtime | undefined
  /** Number of batches that have arrived at the dialer. */
  arrivedDown = 0
  readonly #host: WireHost
  readonly #up: Pipe
  readonly #down: Pipe
  #frozen = false
  /** Set by `cutIdle`: how long the wire may be idle, and the canceller of the timer that checks it. */
  #idle: { readonly afterMs: number; cancel: () => void } | undefined
  /** When cargo last arrived at either end, or a part of a large batch passed the line. */
  #busyAt: number
  #over = false

  constructor(host: WireHost, name: string, number: number, runtime: Runtime, sink: LinkSink) {
    this.#host = host
    this.name = name
    this.number = number
    this.#busyAt = host.now()
    this.#up = this.#createPipe("up")
    this.#down = this.#createPipe("down")
    this.dialer = new WireLink(this, this.#up, runtime)
    this.dialer.sink = sink
    this.#up.put({ what: "dial" })
  }

  /** Whether one end still looks alive although everything it sends is lost, and nothing will tell it so. */
  get broken(): boolean {
    if (this.#over) return false
    // A direction into a closed end is no fault if the end's close can still travel the other way and tell the sender.
    const told = { up: this.acceptor?.over && !this.#down.lost, down: this.dialer.over && !this.#up.lost }
    return (this.#up.lost && !told.up) || (this.#down.lost && !told.down)
  }

  /** Breaks the wire. Everything in transit is lost, and each end is told of `why` after one latency. */
  cut(why: Closing = closing("network", "the wire was cut")): void {
    this.#host.note(this, "cut")
    this.#up.lose()
    this.#down.lose()
    this.#tell(this.dialer, why)
    this.#tell(this.acceptor, why)
    this.settle()
  }

  /** Holds everything back in both directions until `thaw`. Nothing is lost. */
  freeze(): void {
    this.#host.note(this, "freeze")
    this.#frozen = true
  }

  thaw(): void {
    this.#host.note(this, "thaw")
    this.#frozen = false
    this.pump()
  }

  /** Breaks the wire and tells only the end given in `dead`. The other end is not told, and what it sends is lost. */
  halfOpen(dead: WireEnd): void {
    this.#host.note(this, `half-open: the ${dead} died`)
    this.#up.lose()
    this.#down.lose()
    this.#tell(dead === "dialer" ? this.dialer : this.acceptor, closing("network", "this end of the wire died"))
    this.settle()
  }

  /** Drops everything in this direction from now on, a close included. The other direction still works. */
  silence(direction: Direction): void {
    this.#host.note(this, `silence ${direction}`)
    const pipe = direction === "up" ? this.#up : this.#down
    pipe.lose()
    this.settle()
  }

  /**
   * Cuts the wire, as a middlebox does, when it has been idle in both directions for `afterMs` milliseconds. Undefined
   * removes the limit.
   */
  cutIdle(afterMs: number | undefined): void {
    this.#idle?.cancel()
    this.#idle = undefined
    if (afterMs === undefined || this.#over) return
    const idle = { afterMs, cancel: (): void => {} }
    const look = (): void => {
      const idleMs = this.#host.now() - this.#busyAt
      if (idleMs >= afterMs) this.cut(closing("network", `a middlebox cut the wire, idle for ${idleMs} ms`))
      else idle.cancel = this.#host.after(afterMs - idleMs, look)
    }
    this.#idle = idle
    look()
  }

  /** Called by the network: delivers what was held back and is no longer. */
  pump(): void {
    this.#up.pump()
    this.#down.pump()
  }

  /** Called by the network: creates the hub's end. The network then gives it a sink with `open`. */
  accepted(runtime: Runtime): WireLink {
    const link = new WireLink(this, this.#down, runtime)
    this.acceptor = link
    this.acceptedBy = runtime
    return link
  }

  /** Called by the network: the dial is refused, and the dialer is told of `why`. */
  refuse(why: Closing): void {
    this.#up.lose()
    this.#down.put({ what: "closed", closing: why })
    this.settle()
  }

  /** Called by an end that has closed or died: what is in transit to it is dropped. */
  left(link: WireLink): void {
    if (link === this.dialer) this.#down.lose()
    else this.#up.lose()
    // The dial itself has not arrived yet: it is taken back, so no hub ever sees it.
    if (this.acceptor === undefined) this.#up.lose()
    this.settle()
  }

  /** Tells the network to forget the wire when both ends are over. */
  settle(): void {
    if (this.#over || !this.dialer.over) return
    if (this.acceptor?.over === false) return
    this.#over = true
    this.cutIdle(undefined)
    this.#host.over(this)
  }

  #createPipe(direction: Direction): Pipe {
    const host = this.#host
    return new Pipe(
      {
        now: () => host.now(),
        after: (delayMs, run) => host.after(delayMs, run),
        transitMs: () => host.transitMs(),
        holds: (cargo) => this.#frozen || host.holds(this, direction, cargo),
        passed: (cargo, bytes, last) => {
          // A part of a large batch has passed, so the wire is not idle.
          if (!last) this.#busyAt = host.now()
          host.passed(direction, cargo, bytes, last)
        },
        arrived: (cargo) => this.#arrived(direction, cargo),
        drained: () => (direction === "up" ? this.dialer : this.acceptor)?.drained(),
      },
      host.lines[direction],
      host.windowBytes,
    )
  }

  #arrived(direction: Direction, cargo: Cargo): void {
    this.#busyAt = this.#host.now()
    const end = direction === "up" ? this.acceptor : this.dialer
    switch (cargo.what) {
      case "dial":
        return this.#host.accept(this)
      case "batch":
        this.#host.note(this, direction === "up" ? "▲" : "▼", cargo.batch)
        if (direction === "down") this.arrivedDown++
        return end?.batch(cargo.batch)
      case "closed":
        this.#host.note(this, `${direction === "up" ? "▲" : "▼"} closed: ${cargo.closing.code}`)
        return end?.die(cargo.closing)
    }
  }

  #tell(end: WireLink | undefined, why: Closing): void {
    if (end === undefined || end.over) return
    this.#host.after(this.#host.transitMs(), () => end.die(why))
  }
}

/** One end of a wire. It keeps the contract of `Link`. */
export class WireLink implements Link {
  readonly name: string
  /** Receives what arrives at this end. */
  sink: LinkSink | undefined
  /** `dead`: this end has ended, and its sink will be told as soon as the machine of this end is awake. */
  #state: "open" | "dead" | "closed" = "open"
  readonly #wire: Wire
  readonly #out: Pipe
  /** The machine of this end. While it sleeps, what arrives waits in its queue. */
  readonly #runtime: Runtime

  constructor(wire: Wire, out: Pipe, runtime: Runtime) {
    this.name = wire.name
    this.#wire = wire
    this.#out = out
    this.#runtime = runtime
  }

  /** Whether this end has closed or died. */
  get over(): boolean {
    return this.#state !== "open"
  }
  get bufferedBytes(): number {
    return this.over ? 0 : this.#out.bufferedBytes
  }

  send(batch: Batch): void {
    if (!this.over) this.#out.put({ what: "batch", batch })
  }

  close(why: Closing): void {
    const { over } = this
    this.#state = "closed"
    if (over) return
    this.#out.put({ what: "closed", closing: why })
    this.#wire.left(this)
  }

  /** Called by the network: admits the link at the hub, and sets the sink that the hub returns. */
  open(admit: () => LinkSink): void {
    this.#runtime.soon(() => {
      this.sink = admit()
    })
  }

  /** Called by the wire: a batch has arrived. */
  batch(batch: Batch): void {
    this.#runtime.soon(() => {
      if (this.#state !== "closed") this.sink?.batch(batch)
    })
  }

  /** Called by the wire: the buffer of this end has room again. */
  drained(): void {
    this.#runtime.soon(() => {
      if (!this.over) this.sink?.writable()
    })
  }

  /** Called by the wire: the link has ended without a `close` at this end. */
  die(why: Closing): void {
    if (this.over) return
    this.#state = "dead"
    this.#wire.left(this)
    this.#runtime.soon(() => {
      if (this.#state === "closed") return
      this.#state = "closed"
      this.sink?.closed(why)
    })
  }
}
