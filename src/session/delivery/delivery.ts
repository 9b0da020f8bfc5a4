import type { Packet } from "../../wire/batch.ts"
import type { SharedPackets } from "../outbox.ts"

/** When a message may be dropped. A reliable message has none. Plain data, so that a snapshot can contain it. */
export interface Delivery {
  /** It is dropped if it cannot be handed to a link at the end of the tick in which it was said. */
  readonly volatile?: boolean | undefined
  /** A newer message with the same key replaces it while it has no number. Made of the message's name and the key. */
  readonly key?: string | undefined
  /** It is dropped after this moment, in milliseconds since the epoch. */
  readonly until?: number | undefined
}

/**
 * Why a message was dropped. `volatile`: it could not go at once. `latest`: a newer one with its name and key was said.
 * `ttl`: it became too old. `full`: the outbox had no room.
 */
export type DropReason = "volatile" | "latest" | "ttl" | "full"

/** How many messages were dropped, by reason. */
export type Dropped = Readonly<Record<DropReason, number>>

/** A packet that was said and has no number yet. */
export interface Unnumbered {
  readonly packet: Packet
  /** Undefined for a reliable packet, which waits behind others only to keep the order. */
  readonly delivery?: Delivery | undefined
  /** For a broadcast: the shared list that holds the packet, and its index there. */
  readonly list?: SharedPackets | undefined
  readonly place?: number | undefined
}

/** The state of a lane, as a snapshot contains it. */
export interface LaneState {
  readonly unnumbered: readonly Unnumbered[]
  /** By number: packets that may be dropped, have a number, and are not acknowledged. */
  readonly numbered: readonly (readonly [number: number, delivery: Delivery])[]
}
