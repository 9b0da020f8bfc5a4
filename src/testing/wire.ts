import type { Runtime } from "../session/runtime.ts"
import type { Batch, Link, LinkSink } from "../transports/transport.ts"
import { type Closing, closing } from "../wire/errors.ts"
import type { Line } from "./line.ts"
import { type Cargo, Pipe } from "./pipe.ts"

/** The end of a wire that dialed, and the one that accepted. */
export type WireEnd = "dialer" | "acceptor"

/** `up` is from the dialer to the acceptor. */
export type Direction = "up" | "down"

/** What a wire needs of its network. */
export interface WireHost {
  now(): number
  after(delayMs: number, run: () => void): () => void
  transitMs(): number
  readonly windowBytes: number
  /** What all wires share in each direction. */
  readonly lines: Readonly<Record<Direction, Line>>
  /** So many bytes have passed the line; with `last` a whole piece has. */
  passed(direction: Direction, cargo: Cargo, bytes: number, last: boolean): void
  /** Whether the network holds this back: all of it is frozen, or something in the way of this transport does. */
  holds(wire: Wire, direction: Direction, cargo: Cargo): boolean
  /** The dial has arrived: the acceptor's half is made, if anybody accepts. */
  accept(wire: Wire): void
  note(wire: Wire, text: string, batch?: Batch): void
  /** Neither end needs the wire any more. */
  over(wire: Wire): void
}

/** A link as the network sees it: both ends, and everything that can happen between them. */
export class Wire {
  /** The transport's name. */
  readonly name: string
  /** Counts the wires of a network, from 1. */
  readonly number: number
  readonly dialer: WireLink
  /** There as soon as the dial has arrived. */
  acceptor: WireLink | undefined
  /** Where the hub that accepted runs. */
  acceptedBy: Runtime | undefined
  /** How many batches have arrived at the dialer. */
  arrivedDown = 0
  readonly #host: WireHost
  readonly #up: Pipe
  readonly #down: Pipe
  #frozen = false
  /** How long it may be idle; what cuts it then. */
  #idle: { readonly afterMs: number; cancel: () => void } | undefined
  /** When anything last arrived at either end. */
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

  /** Whether something that one end sends now would vanish without a word: the wire only looks alive there. */
  get broken(): boolean {
    if (this.#over) return false
    // An end that has closed takes nothing more, and says so in the other direction.
    const told = { up: this.acceptor?.over && !this.#down.lost, down: this.dialer.over && !this.#up.lost }
    return (this.#up.lost && !told.up) || (this.#down.lost && !told.down)
  }

  /** Both ends are told that the wire broke, each in its own time. What is on the way is lost. */
  cut(why: Closing = closing("network", "the wire was cut")): void {
    this.#host.note(this, "cut")
    this.#up.lose()
    this.#down.lose()
    this.#tell(this.dialer, why)
    this.#tell(this.acceptor, why)
    this.settle()
  }

  /** Nothing arrives at either end until `thaw`; nothing is lost. */
  freeze(): void {
    this.#host.note(this, "freeze")
    this.#frozen = true
  }

  thaw(): void {
    this.#host.note(this, "thaw")
    this.#frozen = false
    this.pump()
  }

  /** One end dies and is told. The other is not: what it sends vanishes. */
  halfOpen(dead: WireEnd): void {
    this.#host.note(this, `half-open: the ${dead} died`)
    this.#up.lose()
    this.#down.lose()
    this.#tell(dead === "dialer" ? this.dialer : this.acceptor, closing("network", "this end of the wire died"))
    this.settle()
  }

  /** Nothing more arrives in this direction, not even the end; the other direction works. */
  silence(direction: Direction): void {
    this.#host.note(this, `silence ${direction}`)
    const pipe = direction === "up" ? this.#up : this.#down
    pipe.lose()
    this.settle()
  }

  /** A middlebox cuts the wire when nothing has arrived at either end for so long; undefined takes it away. */
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

  /** For the network: what was held may go on. */
  pump(): void {
    this.#up.pump()
    this.#down.pump()
  }

  /** For the network: this wire has an acceptor. Returns its link, whose sink is yet to be set. */
  accepted(runtime: Runtime): WireLink {
    const link = new WireLink(this, this.#down, runtime)
    this.acceptor = link
    this.acceptedBy = runtime
    return link
  }

  /** For the network: nobody accepts. */
  refuse(why: Closing): void {
    this.#up.lose()
    this.#down.put({ what: "closed", closing: why })
    this.settle()
  }

  /** For the links: an end has closed, so nothing that is on the way to it matters. */
  left(link: WireLink): void {
    if (link === this.dialer) this.#down.lose()
    else this.#up.lose()
    // A dial that has not arrived is taken back: nothing of it reaches anybody any more.
    if (this.acceptor === undefined) this.#up.lose()
    this.settle()
  }

  /** Forgets the wire once nothing can happen on it any more. */
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
          // A part of a large batch is on its way, so the wire is not idle.
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

/** One end of a wire: a link that keeps the contract. */
export class WireLink implements Link {
  readonly name: string
  /** What the link speaks to. */
  sink: LinkSink | undefined
  /** `dead`: the wire broke here, and the sink will be told as soon as its machine is awake. */
  #state: "open" | "dead" | "closed" = "open"
  readonly #wire: Wire
  readonly #out: Pipe
  /** The machine at this end: what arrives while it sleeps waits there. */
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

  /** For the network: the link is known at this end, and this is what it speaks to. */
  open(admit: () => LinkSink): void {
    this.#runtime.soon(() => {
      this.sink = admit()
    })
  }

  /** For the wire: a batch came. */
  batch(batch: Batch): void {
    this.#runtime.soon(() => {
      if (this.#state !== "closed") this.sink?.batch(batch)
    })
  }

  /** For the wire: there is room again. */
  drained(): void {
    this.#runtime.soon(() => {
      if (!this.over) this.sink?.writable()
    })
  }

  /** For the wire: this end is over, and it was not its own doing. */
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
