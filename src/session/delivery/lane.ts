import { sizeOf } from "../../wire/batch.ts"
import type { Alarm, Clockwork, Slot } from "../clockwork.ts"
import { costOf, type Outbox } from "../outbox.ts"
import type { Delivery, DropReason, LaneState, Unnumbered } from "./delivery.ts"

/** What a lane needs of the session's host. */
export interface LaneHost {
  /** Room was made, or a message that somebody waits for was dropped. */
  answered(beside: boolean): void
  dropped?(reason: DropReason): void
}

/** Least time between two searches for messages that became too old, in milliseconds. */
const SWEEP_MS = 1_000

/**
 * Packets in front of the outbox, in the order in which they were said. They get their numbers when the link can take
 * them, so a packet that is dropped before leaves no gap. A session makes one for its first message that may be dropped.
 */
export class Lane implements Alarm {
  slot: Slot | undefined
  /** Bytes of the packets here, with a fixed overhead for each, as an outbox counts them. */
  bytes = 0
  /** The packets, oldest first: one with a key under its key, so that a newer one is found, any other under itself. */
  readonly packets = new Map<unknown, Unnumbered>()
  /** By number: what has a number, may not always be repeated, and is not acknowledged. Oldest first. */
  readonly numbered: Map<number, Delivery>
  /** Keys, in `packets`, of what was volatile when it was said. */
  #volatile: unknown[] = []
  readonly #clockwork: Clockwork
  readonly #host: LaneHost

  constructor(clockwork: Clockwork, host: LaneHost, state?: LaneState) {
    this.#clockwork = clockwork
    this.#host = host
    this.numbered = new Map(state?.numbered)
    for (const packet of state?.unnumbered ?? []) this.add(packet)
  }

  add(packet: Unnumbered): void {
    const { key = packet, volatile, until } = packet.delivery ?? {}
    this.packets.set(key, packet)
    this.bytes += costOf(packet.packet)
    if (volatile) this.#volatile.push(key)
    if (until !== undefined) this.#sweepAt(until)
  }

  /** Drops the packet with this key, if there is one. */
  drop(key: unknown, reason: DropReason): void {
    if (this.#remove(key)) this.#host.dropped?.(reason)
  }

  /** Drops the oldest packets that may be dropped until there is room for so many bytes more than there was. */
  makeRoom(bytes: number): void {
    const goal = this.bytes - bytes
    for (const [key, { delivery }] of this.packets) {
      if (this.bytes <= goal) return
      if (delivery) this.drop(key, "full")
    }
  }

  /**
   * Moves into the outbox what goes next: one packet, or as many as are sent in one batch with what waits there already.
   * `partBytes`: larger packets are sent in parts, and what is behind them has to wait.
   */
  fill(outbox: Outbox, partBytes: number): void {
    const now = this.#clockwork.now()
    let room = partBytes - (outbox.cursor < outbox.said ? outbox.bytes : 0)
    for (const [key, packet] of this.packets) {
      if (isOver(packet.delivery, now)) this.drop(key, "ttl")
      else {
        room -= sizeOf(packet.packet) + 1
        if (room < 0 && outbox.cursor < outbox.said) return
        this.#number(key, packet, outbox)
      }
    }
  }

  /** The link takes no more in this tick: drops what is volatile. What is reliable and first need not wait here. */
  settle(outbox: Outbox): void {
    for (const key of this.#volatile.splice(0))
      if (this.packets.get(key)?.delivery?.volatile) this.drop(key, "volatile")
    for (const [key, packet] of this.packets) {
      if (packet.delivery) break
      this.#number(key, packet, outbox)
    }
    this.#host.answered(true)
  }

  acked(number: number): void {
    for (const next of this.numbered.keys()) {
      if (next > number) return
      this.numbered.delete(next)
    }
  }

  /** Replaces what must not be repeated, of the packets behind this number, by packets without effect. */
  withdraw(outbox: Outbox, from: number): void {
    const now = this.#clockwork.now()
    const newer = new Set(this.packets.keys())
    const stale = new Set<number>()
    for (const [number, delivery] of [...this.numbered].reverse()) {
      if (number <= from) break
      const { key, volatile } = delivery
      const reason = volatile
        ? "volatile"
        : isOver(delivery, now)
          ? "ttl"
          : key !== undefined && newer.has(key) && "latest"
      newer.add(key)
      if (!reason) continue
      stale.add(number)
      this.numbered.delete(number)
      this.#host.dropped?.(reason)
    }
    if (stale.size > 0) outbox.withdraw((_, number) => stale.has(number))
  }

  /** Removes each packet for which `isRefused` is true. `number`: the one that it would have got, if not a lower one. */
  refuse(isRefused: (packet: Unnumbered["packet"], number: number) => boolean, said: number): void {
    for (const [key, packet] of this.packets) if (isRefused(packet.packet, ++said)) this.#remove(key)
  }

  /** Drops what must not be delivered after this moment. */
  ring(): void {
    const now = this.#clockwork.now()
    let next = Infinity
    for (const [key, { delivery }] of this.packets) {
      if (isOver(delivery, now)) this.drop(key, "ttl")
      else next = Math.min(next, delivery?.until ?? next)
    }
    if (next < Infinity) this.#sweepAt(next)
    this.#host.answered(true)
  }

  /** The session has ended. Moves into the outbox what might still have been delivered. */
  end(outbox: Outbox): void {
    this.settle(outbox)
    this.fill(outbox, Infinity)
    this.withdraw(outbox, outbox.acked)
    this.#clockwork.clear(this)
  }

  /** Sets the alarm for the packet that is to be dropped after this moment, unless it rings early enough. */
  #sweepAt(until: number): void {
    const at = Math.max(until + 1, this.#clockwork.now() + SWEEP_MS)
    if (!this.slot || this.slot.at > at) this.#clockwork.set(this, at)
  }

  #number(key: unknown, packet: Unnumbered, outbox: Outbox): void {
    this.#remove(key)
    outbox.push(packet.packet, packet.list, packet.place)
    if (packet.delivery) this.numbered.set(outbox.said, packet.delivery)
  }

  /** Returns whether there was a packet with this key. */
  #remove(key: unknown): boolean {
    const packet = this.packets.get(key)
    if (packet) this.bytes -= costOf(packet.packet)
    return this.packets.delete(key)
  }
}

/** Whether a message is too old to be delivered. */
function isOver(delivery: Delivery | undefined, now: number): boolean {
  return now > (delivery?.until ?? now)
}
