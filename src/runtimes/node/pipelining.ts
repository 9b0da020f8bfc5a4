import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { ServedRequest, ServedResponse } from "./served.ts"

/** So many requests may wait on a connection for the answer to the one ahead of them. */
const MAX_PIPELINED = 32
/**
 * So many requests of HTTP/1 may come in one chunk of a connection. Node hands over all of a chunk, 64 KiB, before anything else
 * has its turn: of the smallest requests 470, which are answered as they come, so that none of them waits.
 */
const MAX_IN_A_CHUNK = 128

/**
 * Whether a request may be heard: not when too many wait ahead of it on its connection. The first one beyond them is refused,
 * which is the last answer of the connection; those behind it have no answer at all.
 */
export type Pipelined = "fine" | "too many" | "behind the last"

interface Chunk {
  bytesRead: number
  requests: number
}

/**
 * Requests that came on a connection before the one ahead of them was answered. Browsers and `fetch` send none; of others Node
 * hands over hundreds in a go.
 */
export class Pipelining {
  /** Answers that wait for their turn on a connection. */
  readonly #waiting = new WeakMap<Duplex, Set<ServedResponse>>()
  /** The last chunk of a connection that has brought a request, told from others by how much had come with it. */
  readonly #chunks = new WeakMap<Socket, Chunk>()
  /** Connections on which too many have waited, or came at once. */
  readonly #flooded = new WeakSet<Duplex>()

  /** Judges a request that has come. */
  judge({ socket, httpVersionMajor }: ServedRequest): Pipelined {
    if (httpVersionMajor > 1) return "fine"
    if (this.#flooded.has(socket)) return "behind the last"
    const chunk = this.#chunks.get(socket)
    const isFull = chunk !== undefined && chunk.requests >= MAX_IN_A_CHUNK && chunk.bytesRead === socket.bytesRead
    return isFull || this.#waiting.get(socket)?.size === MAX_PIPELINED ? "too many" : "fine"
  }

  /** The hub has refused this request: it is answered last on its connection, from which no more is read. */
  end({ socket }: ServedRequest): void {
    this.#flooded.add(socket)
    socket.pause()
  }

  /** Counts a request among those of its chunk. */
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
   * This answer will be given. When a connection breaks, Node tells the answer whose turn it is and none of those that wait
   * behind it, so these are told here.
   */
  watch({ socket, httpVersionMajor }: ServedRequest, response: ServedResponse): void {
    // Here, because only requests of a hub are watched: an application's own may be as many as it likes.
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
