import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { ServedRequest, ServedResponse } from "./served.ts"

/** Most requests that may wait on one connection for earlier answers. */
const MAX_PIPELINED = 32
/**
 * Most HTTP/1 requests in one chunk of a connection. Node handles all requests of a chunk of 64 KiB before any other
 * work. A chunk holds up to 470 of the smallest requests. They are answered as they come, so `MAX_PIPELINED` does not
 * limit them.
 */
const MAX_IN_A_CHUNK = 128

/**
 * Whether a request is handled: not if too many wait before it on its connection. The first request above the limit is
 * refused, which is the last answer on the connection. Requests after that one are not answered.
 */
export type Pipelined = "fine" | "too many" | "behind the last"

interface Chunk {
  bytesRead: number
  requests: number
}

/**
 * Counts requests that came on a connection before the previous one was answered. Browsers and `fetch` send none. From
 * other clients Node hands over hundreds at a time.
 */
export class Pipelining {
  /** Answers that wait for their turn, by connection. */
  readonly #waiting = new WeakMap<Duplex, Set<ServedResponse>>()
  /**
   * The last chunk of each connection that brought a request. Chunks are told apart by `bytesRead` of the connection.
   */
  readonly #chunks = new WeakMap<Socket, Chunk>()
  /** Connections that went over a limit. */
  readonly #flooded = new WeakSet<Duplex>()

  /** Decides whether a request is handled. */
  judge({ socket, httpVersionMajor }: ServedRequest): Pipelined {
    if (httpVersionMajor > 1) return "fine"
    if (this.#flooded.has(socket)) return "behind the last"
    const chunk = this.#chunks.get(socket)
    const isFull = chunk !== undefined && chunk.requests >= MAX_IN_A_CHUNK && chunk.bytesRead === socket.bytesRead
    return isFull || this.#waiting.get(socket)?.size === MAX_PIPELINED ? "too many" : "fine"
  }

  /**
   * The hub has refused this request. Its answer is the last one on the connection, and nothing more is read from it.
   */
  end({ socket }: ServedRequest): void {
    this.#flooded.add(socket)
    socket.pause()
  }

  /** Counts a request in its chunk. */
  #count(socket: Socket): void {
    const { bytesRead } = socket
    const chunk = this.#chunks.get(socket)
    if (chunk === undefined) {
      this.#chunks.set(socket, { bytesRead, requests: 1 })
    } else if (chunk.bytesRead === bytesRead) {
      chunk.requests++
    } else {
      chunk.bytesRead = bytesRead
      chunk.requests = 1
    }
  }

  /**
   * Call it for each request that a hub answers. When a connection breaks, Node emits `close` on the answer whose turn
   * it is, but not on those that wait behind it, so this method emits it on them.
   */
  watch({ socket, httpVersionMajor }: ServedRequest, response: ServedResponse): void {
    // Counted here and not in `judge`, so that only requests for a hub count: an application's own have no limit.
    if (httpVersionMajor === 1) this.#count(socket)
    if (response.socket !== null) return // it has its turn already
    let waiting = this.#waiting.get(socket)
    if (waiting === undefined) {
      const all = new Set<ServedResponse>()
      waiting = all
      this.#waiting.set(socket, all)
      socket.once("close", () => {
        for (const each of all) if (each.socket === null) each.destroy().emit("close")
      })
    }
    const those = waiting
    those.add(response)
    response.on("close", () => those.delete(response))
  }
}
