import { setTimeout as pause, setImmediate as turn } from "node:timers/promises"
import { payload } from "./payload.mjs"

/**
 * What every server does, whichever peer carries it: echoes, counts what it hears, says something to one, to all or to
 * a room. `peer` is the server half of a peer, once it has been started.
 */
export class Application {
  peer
  #sockets = new Set()
  #heard = 0
  /** What a client is told when it connects. */
  #greeting
  #seq = 0

  /** A client is there. */
  connected(socket) {
    this.#sockets.add(socket)
    if (this.#greeting !== undefined) this.peer.send(socket, "down", this.#greeting)
  }

  left(socket) {
    this.#sockets.delete(socket)
  }

  /** A message of a client. */
  heard(socket, name, data) {
    if (name === "echo") this.peer.send(socket, "echo", data)
    else if (name === "up" && data.seq > 0) this.#heard++
  }

  // What the load asks for, beside the traffic.

  /** Every client that connects from now on is told something at once, with a text of so many bytes if any are given. */
  greet(textBytes = 0) {
    this.#greeting = textBytes === 0 ? { seq: 1 } : { seq: 1, text: "x".repeat(textBytes) }
  }

  count() {
    return { sockets: this.#sockets.size, heard: this.#heard }
  }

  /** Says `perTick` messages to each client, in `ticks` ticks that begin `everyMs` after each other (0: at once). */
  async down(ticks, perTick, everyMs) {
    return this.#tick(ticks, everyMs, () => {
      for (let n = 0; n < perTick; n++) {
        const seq = ++this.#seq
        for (const socket of this.#sockets) this.peer.send(socket, "down", payload(seq))
      }
    })
  }

  /** Says `perTick` messages to all, in so many ticks. */
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

  /** Says one message to a room per tick, one room after another. */
  async toRooms(ticks, rooms) {
    return this.#tick(ticks, 0, (tick) => this.peer.toRoom(`room ${tick % rooms}`, "down", payload(++this.#seq)))
  }

  /** Returns when it began, on the clock that all processes of a machine share. */
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
