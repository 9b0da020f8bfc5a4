import { countOf, seqsOf } from "./payload.mjs"

/** The tools of a workload: one peer's server process, and the clients in this process. */
export class Bench {
  /** Number of messages that the counting wires have received. */
  heard = 0
  /** When the last message that `until` waited for arrived, in nanoseconds of the clock that all processes share. */
  heardAt = 0n
  /** Wires that a workload keeps open between rounds. */
  wires = []
  /** Length of a round's measurement, in milliseconds. */
  roundMs
  /** The server's process: `call` calls its functions, `settled` waits until it has a number of clients. */
  server
  port
  #client
  #target
  #awaited

  constructor(client, server, target, roundMs) {
    this.#client = client
    this.server = server
    this.port = target.port
    this.#target = target
    this.roundMs = roundMs
  }

  /**
   * The peer's own client, as an application uses it. `heard` is called with each message's data. `port` may be a
   * proxy's.
   */
  connect(heard, port = this.port) {
    return this.#client.connect({ ...this.#target, port, heard })
  }

  /** A client that speaks the wire format over plain sockets. It reads the number of every message that it receives. */
  openReader(heard) {
    const hear = (bytes) => {
      for (const seq of seqsOf(bytes)) heard({ seq })
    }
    return this.#client.openWire({ ...this.#target, hear })
  }

  /** The same, but cheaper: it only counts messages. `more`: another port, for example. */
  openWire(more) {
    const hear = (bytes) => {
      this.heard += countOf(bytes, "seq")
      if (this.#awaited === undefined || this.heard < this.#awaited.messages) return
      this.heardAt = process.hrtime.bigint()
      this.#awaited.resolve()
      this.#awaited = undefined
    }
    return this.#client.openWire({ ...this.#target, ...more, hear })
  }

  /** Opens this many of these clients, and waits until the server knows them all. */
  async openWires(count, atOnce = 50, more = {}) {
    const open = async () => {
      while (left-- > 0) this.wires.push(await this.openWire(more))
    }
    let left = count
    await Promise.all(Array.from({ length: atOnce }, open))
    await this.server.settled(this.wires.length)
  }

  /** Resolves when this many messages have come down to the counting wires since this `Bench` was made. */
  until(messages) {
    if (this.heard >= messages) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const late = () => reject(new Error(`${messages - this.heard} of ${messages} messages did not come`))
      const timer = setTimeout(late, 30_000)
      this.#awaited = {
        messages,
        resolve() {
          clearTimeout(timer)
          resolve()
        },
      }
    })
  }

  /** Measures a function: the server's CPU time in microseconds, and the elapsed time in milliseconds. */
  async spent(run) {
    const before = await this.server.call("cpu")
    const startedAt = performance.now()
    await run()
    const ms = performance.now() - startedAt
    const { user, system } = await this.server.call("cpu")
    const kernelUs = system - before.system
    return { cpuUs: user - before.user + kernelUs, kernelUs, ms }
  }

  /** Calls the function repeatedly until the round is over. */
  async forRound(run) {
    const endsAt = performance.now() + this.roundMs
    do await run()
    while (performance.now() < endsAt)
  }
}
