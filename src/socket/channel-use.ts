import type { Channel } from "../client/channel.ts"
import { GONE } from "./words.ts"

/** What the channel tells a socket: that the other end of it is gone. `isKnown`: the hub may believe it to be open. */
interface Lodger {
  lost(isKnown: boolean): void
}

/** Returns the channel for a socket whose URL has this origin. */
export type Lender = (origin: string) => ChannelUse

/** The number of the last socket of each channel. Several classes may share a channel. */
const lastIds = new WeakMap<Channel, number>()

/** A channel and the sockets of one class on it. */
export class ChannelUse {
  readonly channel: Channel
  readonly #sockets = new Set<Lodger>()
  readonly #unused: (() => void) | undefined

  /** @param unused Called when the last socket has left. */
  constructor(channel: Channel, unused?: () => void) {
    this.channel = channel
    this.#unused = unused
    // A session that could not be resumed is to a socket what a broken connection is.
    channel.onReset(() => this.#lose(false))
    channel.onStatus((status) => status === "closed" && this.#lose(false))
    channel.on(GONE, () => this.#lose(true))
  }

  /** Returns the number of the socket. */
  enter(socket: Lodger): number {
    this.#sockets.add(socket)
    const id = (lastIds.get(this.channel) ?? 0) + 1
    lastIds.set(this.channel, id)
    return id
  }

  leave(socket: Lodger): void {
    if (this.#sockets.delete(socket) && this.#sockets.size === 0) this.#unused?.()
  }

  #lose(isKnown: boolean): void {
    // A copy: a library may open the next socket while it hears of the end of this one.
    for (const socket of [...this.#sockets]) socket.lost(isKnown)
  }
}
