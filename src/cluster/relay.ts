import type { Arrival, RelaySink } from "../server/cluster.ts"
import type { Alarm, Clockwork, Flushable, Slot } from "../session/clockwork.ts"
import type { Link } from "../session/link.ts"
import { type Batch, sizeOf } from "../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../wire/defaults.ts"
import type { Closing } from "../wire/errors.ts"
import { readClosing, writeHello } from "../wire/handshake.ts"
import type { Line, Strand } from "./neighbours.ts"
import { encodePrincipal } from "./told-principal.ts"

/** What the two ends of a relayed link say. The process that the link reached: */
export const LINK = 1
export const BATCH = 2
export const ENDED = 3
export const STATE = 4
/** The owner of the session (and `BATCH`): */
export const CLOSE = 5
export const ABANDON = 6
export const TAKEN = 7

/**
 * Headers that the owner of a session is told, for `authenticate` when credentials are to be renewed. None of them has the
 * key of a session.
 */
const HEADERS = [
  "host",
  "origin",
  "cookie",
  "authorization",
  "user-agent",
  "accept-language",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
]

/** How often a link that holds data is asked whether the network has taken it, in milliseconds. */
const LOOK_MS = 50
/** So many bytes that the network has taken are told at once. Fewer are told `LOOK_MS` later, or with another report. */
const TELL_BYTES = LINK_BUFFER_BYTES / 4

/**
 * What the owner hears first of a relayed link. The credentials stay here: they are judged already.
 *
 * @throws EverwireError `payload-unsupported` if the principal is not plain data
 */
export function introduce(link: Link, { hello, principal, transport, address, header }: Arrival): unknown[] {
  const headers = HEADERS.flatMap((name): [string, string][] => {
    const value = header(name)
    return value === undefined ? [] : [[name, value]]
  })
  return [
    writeHello({ ...hello, auth: undefined }),
    encodePrincipal(principal),
    transport,
    address ?? null,
    Object.fromEntries(headers),
    link.exchanges === true,
    ...stateOf(link),
  ]
}

/** How the link stands: `asked`, `reached` and `keptBytes`. */
function stateOf({ asked, reached, keptBytes }: Link): [number | null, boolean | null, number] {
  return [asked ?? null, reached ?? null, keptBytes ?? 0]
}

/** Passes on what comes on a link to the owner of its session, and sends on it what the owner says. */
export class Relay implements RelaySink, Strand, Flushable, Alarm {
  slot: Slot | undefined
  waitingBytes = 0
  readonly #link: Link
  readonly #clockwork: Clockwork
  #line: Line | undefined
  /** Bytes that came from the owner, how many of them the network has taken, and how many of those were reported. */
  #received = 0
  #taken = 0
  #toldTaken = 0
  /** The most requests that were open since the last report: one may be answered before the report is written. */
  #asked = 0
  /** What was reported last beside that. */
  #told = ""
  #idle: (() => void)[] = []

  constructor(link: Link, clockwork: Clockwork) {
    this.#link = link
    this.#clockwork = clockwork
  }

  begin(line: Line): void {
    this.#line = line
  }

  batch(batch: Batch): void {
    this.waitingBytes += sizeOf(batch)
    this.#line?.sayInTurn(BATCH, batch)
  }

  get isBusy(): boolean {
    return this.waitingBytes >= LINK_BUFFER_BYTES
  }

  whenIdle(run: () => void): void {
    if (this.isBusy) this.#idle.push(run)
    else this.#clockwork.runtime.soon(run)
  }

  writable(): void {
    this.#asked = Math.max(this.#asked, this.#link.asked ?? 0)
    this.#clockwork.flushSoon(this)
  }

  closed(why: Closing): void {
    this.#line?.say(ENDED, why, this.#link.reached ?? null, this.#link.wasGivenUp === true)
    this.#end()
  }

  hear(what: number, [given]: readonly unknown[]): void {
    switch (what) {
      case BATCH: {
        const batch = given as Batch // the owner's `send` was given it
        this.#received += sizeOf(batch)
        this.#link.send(batch)
        return this.#clockwork.flushSoon(this)
      }
      case TAKEN:
        this.waitingBytes -= given as number // counted by the owner
        return this.#tellIdle()
      case ABANDON:
        return this.#link.abandon?.()
      case CLOSE:
        this.#end()
        return this.#link.close(readClosing(given))
      default:
    }
  }

  lost(why: Closing): void {
    this.#end()
    this.#link.close(why)
  }

  ring(): void {
    this.#report(1)
  }

  /** At the end of the tick. */
  flushNow(): void {
    this.#report(TELL_BYTES)
  }

  /**
   * Tells the owner how the link stands, if that has changed or the network has taken at least so many bytes more. A report
   * of each message that was taken would be as many messages again.
   */
  #report(leastBytes: number): void {
    if (this.#line === undefined) return
    const link = this.#link
    const { bufferedBytes } = link
    this.#taken = Math.max(this.#taken, this.#received - bufferedBytes)
    const [asked, reached, keptBytes] = stateOf(link)
    const most = asked === null ? null : Math.max(asked, this.#asked)
    this.#asked = 0
    const told = [most, reached].join()
    if (told !== this.#told || this.#taken - this.#toldTaken >= leastBytes) {
      this.#told = told
      this.#toldTaken = this.#taken
      this.#line.say(STATE, most, reached, keptBytes, this.#taken)
    }
    const isMoreToTell = this.#toldTaken < this.#received || most !== asked
    if (isMoreToTell && this.slot === undefined) this.#clockwork.set(this, this.#clockwork.now() + LOOK_MS)
  }

  #tellIdle(): void {
    if (this.isBusy) return
    for (const run of this.#idle.splice(0)) this.#clockwork.runtime.soon(run)
  }

  #end(): void {
    this.#line?.end()
    this.#line = undefined
    this.#clockwork.clear(this)
    this.waitingBytes = 0
    this.#tellIdle()
  }
}
