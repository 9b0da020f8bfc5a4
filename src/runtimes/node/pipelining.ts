import type { Duplex } from "node:stream"
import type { ServedRequest, ServedResponse } from "./served.ts"

/** So many requests may wait on a connection for the answer to the one ahead of them. */
const MAX_PIPELINED = 32

/**
 * Whether a request may be heard: not when too many wait ahead of it on its connection. The first one beyond them is refused,
 * which is the last answer of the connection; those behind it have no answer at all.
 */
export type Pipelined = "fine" | "too many" | "behind the last"

/**
 * Requests that came on a connection before the one ahead of them was answered. Browsers and `fetch` send none; of others Node
 * hands over hundreds in a go.
 */
export class Pipelining {
  /** Answers that wait for their turn on a connection. */
  readonly #waiting = new WeakMap<Duplex, Set<ServedResponse>>()
  /** Connections on which too many have waited. */
  readonly #flooded = new WeakSet<Duplex>()

  /** Judges a request that has come. */
  judge({ socket }: ServedRequest): Pipelined {
    if (this.#flooded.has(socket)) return "behind the last"
    if (this.#waiting.get(socket)?.size !== MAX_PIPELINED) return "fine"
    this.#flooded.add(socket)
    return "too many"
  }

  /**
   * This answer will be given. When a connection breaks, Node tells the answer whose turn it is and none of those that wait
   * behind it, so these are told here.
   */
  watch({ socket }: ServedRequest, response: ServedResponse): void {
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
