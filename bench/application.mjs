import { setTimeout as pause, setImmediate as turn } from "node:timers/promises"
import { payload } from "./payload.mjs"

/**
 * The server's application, the same for every peer: it echoes, counts the messages that it receives, and sends to one
 * client, to all or to a room. `peer` is the started server half of a peer.
 */
export class Application {
  peer
  #sockets = new Set()
  #heard = 0
  /** The message that a client is sent when it connects. */
  #greeting
  #seq = 0

  /** Called when a client has connected. */
  connected(socket) {
    this.#sockets.add(socket)
    if (this.#greeting !== undefined) this.peer.send(socket, "down", this.#greeting)
  }

  left(socket) {
    this.#sockets.delete(socket)
  }

  /** Called with each message of a client. */
  heard(socket, name, data) {
    if (name === "echo") this.peer.send(socket, "echo", data)
    else if (name === "up" && data.seq > 0) this.#heard++
  }

  // Functions that the load process calls.

  /** Sends each client that connects from now on a message at once. `bytes`: the size of its text, if given. */
  greet(textBytes = 0) {
    this.#greeting = textBytes === 0 ? { seq: 1 } : { seq: 1, text: "x".repeat(textBytes) }
  }

  count() {
    return { sockets: this.#sockets.size, heard: this.#heard }
  }

  /**
   * Sends `perTick` messages to each client in each of `ticks` ticks, which begin every `everyMs` (0: without a wait).
   */
  async down(ticks, perTick, everyMs) {
    return this.#tick(ticks, everyMs, () => {
      for (let n = 0; n < perTick; n++) {
        const seq = ++this.#seq
        for (const socket of this.#sockets) this.peer.send(socket, "down", payload(seq))
      }
    })
  }

  /** Broadcasts `perTick` messages in each of this many ticks. */
  async broadcast(ticks, perTick) {
    return this.#tick(ticks, 0, () => {
      for (let n = 0; n < perTick; n++) this.peer.broadcast("down", payload(++this.#seq))
    })
  }

  /** Puts the clients into rooms of this size. */
  rooms(size) {
    let n = 0
    for (const socket of this.#sockets) this.peer.join(socket, `room ${Math.floor(n++ / size)}`)
  }

  /** Sends one message per tick to a room, to one room after another. */
  async toRooms(ticks, rooms) {
    return this.#tick(ticks, 0, (tick) => this.peer.toRoom(`room ${tick % rooms}`, "down", payload(++this.#seq)))
  }

  /** Returns the time of the start, on the clock that all processes of a machine share. */
  async #tick(ticks, everyMs, say) {
    const startedAt = process.hrtime.bigint()
    for (let tick = 0; tick < ticks; tick++) {
      say(tick)
      if (everyMs === 0) await turn()
      else await pause(Math.max(0, (tick + 1) * everyMs - Number(process.hrtime.bigint() - startedAt) / 1e6))
    }
    return String(startedAt)
  }
}
