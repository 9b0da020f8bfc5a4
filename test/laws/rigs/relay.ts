import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net"
import type { Seat } from "../../../src/testing/laws.ts"

/** The address on which a hub listens. */
type Hub = { port: number } | { path: string }

interface Crossing {
  readonly channel: Socket
  readonly hub: Socket
}

/** A TCP relay between a channel and its hub, which can break the connections through it. */
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
    return (this.#server.address() as AddressInfo).port // The server listens on TCP.
  }

  /** One line of text for each connection through the relay. */
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

  /** Resets every connection, and every later one. */
  refuse(): void {
    this.#refusing = true
    this.sever()
  }

  /** Injects bytes into the newest connection. */
  inject(toward: Seat, bytes: Uint8Array): void {
    Array.from(this.#crossings).at(-1)?.[toward].write(bytes)
  }

  /**
   * Closes the relay but keeps its port, so that no other test gets that port: `fetch` may not have noticed yet that
   * its pooled connections to it are dead.
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

/** Breaks a socket as a network does. A Unix domain socket has no reset. */
function reset(socket: Socket): void {
  if (socket.remotePort === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

/** Opens a connection, sends these bytes, and waits until the other end closes it. */
export function knock(where: Hub, words: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(where, () => socket.write(words, "latin1"))
    socket.on("error", () => {})
    socket.on("close", () => resolve())
    socket.resume()
  })
}
