import { type Closing, closing } from "../wire/errors.ts"
import type { Courier, Message } from "./courier.ts"

/** Something that is open between this process and another: a relayed link, or an exchange that was passed on. */
export interface Strand {
  /** The other end has said this. `what` is one of the kinds of the strand's file. */
  hear(what: number, args: readonly unknown[]): void
  /** The other end is out of reach, or does not know the strand any more. Called once, as the last call. */
  lost(why: Closing): void
}

/** One end of a strand: what it says goes to the other end. */
export interface Line {
  /** Says something to the other end. Does nothing after the end. */
  say(what: number, ...args: unknown[]): void
  /** The same, and it may wait for what comes on other sockets in this turn of the event loop. */
  sayInTurn(what: number, ...args: unknown[]): void
  /** The strand is over at this end. What the other end still says is ignored. */
  end(): void
}

/** The first item of a message: from the end that opened the strand, from the other one, or about the whole pair. */
const BY_OPENER = 0
const BY_TAKER = 1
const ABOUT_PAIR = 2
/** In place of a kind: the other end does not know the strand. */
const UNKNOWN = -1

const UNREACHED = closing("network", "the process that has the session cannot be reached")

/** The strands of one pair of processes. */
interface Pair {
  /** Opened by this process, by their number, with the number of the frame in which they were opened. */
  readonly opened: Map<number, { readonly strand: Strand; readonly frame: number }>
  /** Opened by the other process. */
  readonly taken: Map<number, Strand>
}

/** Makes the strand that the other process opens. Undefined if it is refused. */
export type Take = (from: string, what: number, args: readonly unknown[], line: Line) => Strand | undefined

/** What is open between this process and each of the others. */
export class Neighbours {
  readonly #pairs = new Map<string, Pair>()
  readonly #courier: Courier
  readonly #take: Take
  /** Strands opened so far. Numbers are never used again, so that a late message meets no other strand. */
  #opened = 0

  constructor(courier: Courier, take: Take) {
    this.#courier = courier
    this.#take = take
  }

  /** How many strands to this process are open at once, counted by the end that opened them. */
  opened(to: string): number {
    return this.#pairs.get(to)?.opened.size ?? 0
  }

  /** Opens a strand: `what` and `args` are the first that the other end hears. */
  open(to: string, strand: Strand, what: number, ...args: unknown[]): Line {
    const number = ++this.#opened
    this.#pair(to).opened.set(number, { strand, frame: this.#courier.nextNumber(to) })
    const line = this.#line(to, BY_OPENER, number)
    line.say(what, ...args)
    return line
  }

  #line(hub: string, by: typeof BY_OPENER | typeof BY_TAKER, number: number): Line {
    const strands = by === BY_OPENER ? this.#pair(hub).opened : this.#pair(hub).taken
    const send = (message: Message, mayWait: boolean): void => {
      if (strands.has(number)) this.#courier.send(hub, message, mayWait)
    }
    return {
      say: (what, ...args) => send([by, number, what, ...args], false),
      sayInTurn: (what, ...args) => send([by, number, what, ...args], true),
      end: () => void strands.delete(number),
    }
  }

  /** Hears the messages of another process. */
  hear(from: string, [by, number, what, ...args]: Message): void {
    if (typeof number !== "number") return
    if (by === ABOUT_PAIR) return this.#heardLoss(from, number)
    if (typeof what !== "number") return
    const pair = this.#pair(from)
    const strand = by === BY_TAKER ? pair.opened.get(number)?.strand : pair.taken.get(number)
    if (strand !== undefined && what !== UNKNOWN) return strand.hear(what, args)
    if (strand !== undefined) {
      const strands = by === BY_TAKER ? pair.opened : pair.taken
      strands.delete(number)
      return strand.lost(UNREACHED)
    }
    if (what === UNKNOWN) return
    let hasBegun = false
    try {
      hasBegun = by === BY_OPENER && this.#begin(from, pair, number, what, args)
    } finally {
      if (!hasBegun) this.#courier.send(from, [by === BY_OPENER ? BY_TAKER : BY_OPENER, number, UNKNOWN])
    }
  }

  /** Returns false if the message opens no strand. */
  #begin(from: string, pair: Pair, number: number, what: number, args: readonly unknown[]): boolean {
    // Its place is taken before it is made, because it may say something while it is made.
    let isOver = false
    const placeholder: Strand = {
      hear() {},
      lost() {
        isOver = true
      },
    }
    pair.taken.set(number, placeholder)
    let strand: Strand | undefined
    try {
      strand = this.#take(from, what, args, this.#line(from, BY_TAKER, number))
    } finally {
      if (strand === undefined) pair.taken.delete(number)
    }
    if (strand === undefined) return false
    if (pair.taken.has(number)) pair.taken.set(number, strand)
    else if (isOver) strand.lost(UNREACHED)
    return true
  }

  /** Something that the other process sent before this frame was lost: what is open there may wait for it for ever. */
  lost(from: string, frame: number): void {
    this.loseAll(from)
    this.#courier.send(from, [ABOUT_PAIR, frame])
  }

  /** The other process has lost something from before this frame, and has given up what was open then. */
  #heardLoss(from: string, frame: number): void {
    const pair = this.#pair(from)
    for (const [number, opened] of [...pair.opened]) {
      if (opened.frame >= frame) continue
      pair.opened.delete(number)
      opened.strand.lost(UNREACHED)
    }
    this.#loseTaken(pair)
  }

  /** Everything that is open to this process is over. */
  loseAll(hub: string, why = UNREACHED): void {
    const pair = this.#pairs.get(hub)
    if (pair === undefined) return
    for (const [number, { strand }] of [...pair.opened]) {
      pair.opened.delete(number)
      strand.lost(why)
    }
    this.#loseTaken(pair, why)
  }

  #loseTaken(pair: Pair, why = UNREACHED): void {
    for (const [number, strand] of [...pair.taken]) {
      pair.taken.delete(number)
      strand.lost(why)
    }
  }

  /** The process is gone. */
  forget(hub: string): void {
    this.loseAll(hub)
    const pair = this.#pairs.get(hub)
    if (pair !== undefined && pair.opened.size + pair.taken.size === 0) this.#pairs.delete(hub)
    this.#courier.forget(hub)
  }

  close(why: Closing): void {
    for (const hub of this.#pairs.keys()) this.loseAll(hub, why)
  }

  #pair(hub: string): Pair {
    let pair = this.#pairs.get(hub)
    if (pair === undefined) {
      pair = { opened: new Map(), taken: new Map() }
      this.#pairs.set(hub, pair)
    }
    return pair
  }
}
