import type { Runtime } from "../../session/runtime.ts"
import type { Dialer, Door, Platform } from "../../transports/transport.ts"

/** One of the two ends of a link: the channel's end, which dialed, or the hub's end, which accepted. */
export type Seat = "channel" | "hub"

/** The abilities of a transport and of its rig. They alone decide which laws are run. */
export interface TransportTraits {
  /** Size of the largest batch that the transport carries, in bytes (text as UTF-8). The door has the same limit. */
  readonly maxBatchBytes: number
  /** The transport carries batches of bytes as well as of text. */
  readonly binary: boolean
  /**
   * `bufferedBytes` and `writable` show when the connection is full. A transport without it never reports a full
   * buffer.
   */
  readonly backPressure: boolean
  /** Which fields of a `Closing` reach the other end. */
  readonly tellsCode: boolean
  readonly tellsReason: boolean
  readonly tellsRetryable: boolean
  readonly tellsRetryAfter: boolean
  /**
   * The channel's end closes by itself when the hub has vanished. Without it, the session finds out by its timeouts.
   */
  readonly noticesVanishedHub: boolean
  /** The hub's end closes by itself when the channel has vanished. */
  readonly noticesVanishedChannel: boolean
  /** A lost HTTP request or answer is repeated, and the link lives on. The rig has `lose`. */
  readonly repairsLoss: boolean

  /** The rig has `vanish`. */
  readonly vanish: boolean
  /** The rig has `sever`. */
  readonly sever: boolean
  /** The rig has `garble`. */
  readonly garble: boolean
  /** The rig has `intrude`. */
  readonly intrude: boolean
  /** The rig's runtime uses the real clock, so the laws wait in real time. */
  readonly realTime: boolean
}

/** A trait that laws can require: all but `maxBatchBytes` and `realTime`. */
export type Claim = Exclude<keyof TransportTraits, "maxBatchBytes" | "realTime">

/** A transport that the laws are checked on. */
export interface TransportSubject {
  readonly name: string
  readonly traits: TransportTraits
  /** Makes a fresh rig for one law. It must share no state with the rigs of other laws. */
  setup(): Promise<TransportRig>
}

/** What a dialer needs to reach the hub that `listen` has set up. */
export interface Whereabouts {
  /** The URL to dial. Default `http://hub.test/everwire`, for transports that need no URL. */
  readonly url?: string
  /** The platform that the dialer is given. Default an empty one. */
  readonly platform?: Platform
}

/**
 * One dialer and one acceptor that reach each other, and optional functions that break the connection between them.
 * Each of these functions must exist if the traits claim it.
 */
export interface TransportRig {
  /** Clock and randomness of both ends. The laws wrap it, to count timers, before they pass it on. */
  readonly runtime: Runtime
  readonly dialer: Dialer
  /** Opens the acceptor with this door. Called once, before the first dial. */
  listen(door: Door): Promise<Whereabouts> | Whereabouts
  /**
   * Lets everything in transit arrive. With a virtual clock it moves the clock; in real time it waits as long as such a
   * connection may reasonably take. May be called any number of times.
   */
  settle(): Promise<void>
  /**
   * The resources that the transport still holds for links (sockets, requests, streams, listeners), one readable line
   * each. Two things do not count: the platform's pools (idle keep-alive connections), and, before `teardown`, what
   * listens for the next dial.
   */
  leftovers(): readonly string[]
  /** Ends everything. Afterwards `leftovers()` is empty. May be called twice. */
  teardown(): Promise<void> | void

  /**
   * Makes one end's process vanish for good, with all its links. The other end learns what it would learn on a real
   * connection of this kind, which may be nothing. Dialing a vanished hub fails.
   */
  vanish?(seat: Seat): Promise<void> | void
  /** Breaks every open connection. Later dials work. */
  sever?(): Promise<void> | void
  /**
   * Replaces the next data sent toward this seat, on the link opened last, by garbage that this transport cannot read.
   */
  garble?(toward: Seat): Promise<void> | void
  /** Connects to the hub as a stranger and sends garbage that is not of this transport. */
  intrude?(): Promise<void> | void
  /** Loses the next HTTP request, or the next answer. For transports that claim `repairsLoss`. */
  lose?(what: "request" | "answer"): void
}

/** The optional functions of a rig, each with the trait that claims it. */
const HANDS = [
  ["vanish", "vanish"],
  ["sever", "sever"],
  ["garble", "garble"],
  ["intrude", "intrude"],
  ["repairsLoss", "lose"],
] as const

/**
 * Checks that the rig has every function that the traits claim. Without one, a law would break nothing and would pass.
 *
 * @throws Error, not LawBroken: the subject is at fault, not the transport.
 */
export function checkHands(rig: TransportRig, traits: TransportTraits): void {
  for (const [claim, hand] of HANDS) {
    if (traits[claim] && rig[hand] === undefined)
      throw new Error(`the traits claim ${claim}, but the rig has no ${hand}()`)
  }
}
