import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import type { Seat } from "../../../src/testing/laws.ts"

/** Where a hub listens. */
type Hub = { port: number } | { path: string }

interface Crossing {
  readonly channel: Socket
  readonly hub: Socket
}

/** A TCP relay between a channel and its hub, to break what runs through it. */
export class Relay {
  readonly #crossings = new Set<Crossing>()
  readonly #server: Server
  #refusing = false

  private constructor(hub: Hub) {
    this.#server = createServer({ noDelay: true, allowHalfOpen: true }, (channel) => {
      channel.on("error", () => {})
      if (this.#refusing) return void reset(channel)
      this.#cross({ channel, hub: connect({ ...hub, noDelay: true, allowHalfOpen: true }) })
    })
  }

  /** Listens on a free loopback port. */
  static async to(hub: Hub): Promise<Relay> {
    const relay = new Relay(hub)
    await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve))
    return relay
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port // it listens on TCP
  }

  /** One line for each connection that runs through it. */
  get leftovers(): string[] {
    return Array.from(this.#crossings, () => "a connection through the relay")
  }

  /** Resets every connection, on both sides. */
  sever(): void {
    for (const { channel, hub } of this.#crossings) {
      reset(channel)
      reset(hub)
    }
    this.#crossings.clear()
  }

  /** Resets every connection and every one that comes. */
  refuse(): void {
    this.#refusing = true
    this.sever()
  }

  /** Puts bytes that nobody sent into the youngest connection. */
  inject(toward: Seat, bytes: Uint8Array): void {
    Array.from(this.#crossings).at(-1)?.[toward].write(bytes)
  }

  /**
   * Its port is kept, so that no other world is given it: `fetch` may not have noticed yet that its pooled connections to
   * this one are dead.
   */
  close(): void {
    this.refuse()
    this.#server.unref()
  }

  #cross(crossing: Crossing): void {
    const { channel, hub } = crossing
    this.#crossings.add(crossing)
    for (const [from, to] of [
      [channel, hub],
      [hub, channel],
    ] as const) {
      from.pipe(to)
      from.on("error", () => {
        reset(to)
        this.#crossings.delete(crossing)
      })
      from.on("close", () => {
        if (channel.destroyed && hub.destroyed) this.#crossings.delete(crossing)
      })
    }
  }
}

/** As a network breaks a connection. A Unix domain socket knows no reset. */
function reset(socket: Socket): void {
  if (socket.remotePort === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

/** Opens a connection, says this, and waits for whoever listens to hang up. */
export function knock(where: Hub, words: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(where, () => socket.write(words, "latin1"))
    socket.on("error", () => {})
    socket.on("close", () => resolve())
    socket.resume()
  })
}
