import type { Runtime } from "../../session/runtime.ts"
import type { Dialer, Door, Platform } from "../../transports/transport.ts"

/** The two ends of a link: the channel's, which dialed, and the hub's, which was dialed. */
export type Seat = "channel" | "hub"

/** What a transport claims of itself, and what its rig can do to it. Laws are selected by nothing else. */
export interface TransportTraits {
  /** Size of the largest batch that is brought across, in bytes of UTF-8 or binary. The door lets in as much. */
  readonly maxBatchBytes: number
  /** Batches of bytes cross, not only text. */
  readonly binary: boolean
  /** `bufferedBytes` and `writable` follow what the wire takes. Without it, a wire takes everything at once. */
  readonly backPressure: boolean
  /** What of a closing crosses the wire. */
  readonly tellsCode: boolean
  readonly tellsReason: boolean
  readonly tellsRetryable: boolean
  readonly tellsRetryAfter: boolean
  /** The channel's end closes by itself when the hub has vanished. Otherwise the session has to find out. */
  readonly noticesVanishedHub: boolean
  /** The hub's end closes by itself when the channel has vanished. */
  readonly noticesVanishedChannel: boolean
  /** A request or an answer that is lost on the way is repeated, and the link lives on. The rig has `lose`. */
  readonly repairsLoss: boolean

  /** The rig has `vanish`. */
  readonly vanish: boolean
  /** The rig has `sever`. */
  readonly sever: boolean
  /** The rig has `garble`. */
  readonly garble: boolean
  /** The rig has `intrude`. */
  readonly intrude: boolean
  /** The rig's runtime is the real clock: what is waited for is waited for. */
  readonly realTime: boolean
}

/** A trait that is claimed or not. */
export type Claim = Exclude<keyof TransportTraits, "maxBatchBytes" | "realTime">

/** A transport on trial. */
export interface TransportSubject {
  readonly name: string
  readonly traits: TransportTraits
  /** Makes a fresh world: nothing of one law may be seen by the next. */
  setup(): Promise<TransportRig>
}

/** Where to dial, and with what. */
export interface Whereabouts {
  /** What a channel would be given. Transports that need no URL may leave the default, `http://hub.test/everwire`. */
  readonly url?: string
  /** What the dialer finds on its platform. Default nothing. */
  readonly platform?: Platform
}

/**
 * One dialer and one acceptor that reach each other, and hands to do things to the wire between them. A hand that the traits
 * claim must be there.
 */
export interface TransportRig {
  /** Time and chance of both ends. The laws hand it on, counting timers. */
  readonly runtime: Runtime
  readonly dialer: Dialer
  /** Puts the server half to work with this door. Called once, before the first dial. */
  listen(door: Door): Promise<Whereabouts> | Whereabouts
  /**
   * Lets what is in flight arrive. On a virtual clock it moves the clock; in real time it waits for as long as a wire like
   * this may reasonably take. It may be called any number of times.
   */
  settle(): Promise<void>
  /**
   * What the transport still holds for links: sockets, requests, streams, listeners; one line each, for people. Pools of
   * the platform (idle keep-alive connections) do not count, nor does what listens for the next dial before `teardown`.
   */
  leftovers(): readonly string[]
  /** Ends everything. Afterwards `leftovers()` is empty. May be called twice. */
  teardown(): Promise<void> | void

  /**
   * One end's process is gone, with all its links, and does not come back. The wire tells the other end what such a wire
   * tells in life, which may be nothing. Dialing a hub that has vanished fails.
   */
  vanish?(seat: Seat): Promise<void> | void
  /** Every connection breaks at this moment. Dialing again works. */
  sever?(): Promise<void> | void
  /** What travels next toward this seat, on the link that was opened last, is no batch of this wire. */
  garble?(toward: Seat): Promise<void> | void
  /** Somebody who does not speak this wire knocks at the hub's door with garbage. */
  intrude?(): Promise<void> | void
  /** The next request, or the next answer, is lost on the way. For transports that repair it. */
  lose?(what: "request" | "answer"): void
}

/** The hands of a rig, by the traits that claim them. */
const HANDS = [
  ["vanish", "vanish"],
  ["sever", "sever"],
  ["garble", "garble"],
  ["intrude", "intrude"],
  ["repairsLoss", "lose"],
] as const

/** A law whose hand is missing would do nothing to the wire, and hold. @throws Error: the subject is wrong, no law is broken. */
export function checkHands(rig: TransportRig, traits: TransportTraits): void {
  for (const [claim, hand] of HANDS) {
    if (traits[claim] && rig[hand] === undefined)
      throw new Error(`the traits claim ${claim}, but the rig has no ${hand}()`)
  }
}
