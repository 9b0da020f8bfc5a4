import { countOf, seqsOf } from "./payload.mjs"

/** What a workload measures with: one peer's server, and the clients of this process. */
export class Bench {
  /** Messages that came down to the wires that count. */
  heard = 0
  /** When the last of those came that `until` waited for, in nanoseconds of the clock that all processes share. */
  heardAt = 0n
  /** Wires that a workload keeps open from round to round. */
  wires = []
  /** For how long a round measures, in milliseconds. */
  roundMs
  /** The server's process: `call` its functions, or wait until it is `settled` with so many clients. */
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

  /** A client as an application would have it. `heard` is given the data of every message. `port` may be a proxy's. */
  connect(heard, port = this.port) {
    return this.#client.connect({ ...this.#target, port, heard })
  }

  /** A client that speaks the wire format over plain sockets; it reads the number of every message it hears. */
  openReader(heard) {
    const hear = (bytes) => {
      for (const seq of seqsOf(bytes)) heard({ seq })
    }
    return this.#client.openWire({ ...this.#target, hear })
  }

  /** The same, cheaper: it only counts. */
  openWire() {
    const hear = (bytes) => {
      this.heard += countOf(bytes, "seq")
      if (this.#awaited === undefined || this.heard < this.#awaited.messages) return
      this.heardAt = process.hrtime.bigint()
      this.#awaited.resolve()
      this.#awaited = undefined
    }
    return this.#client.openWire({ ...this.#target, hear })
  }

  /** Opens so many of these, and waits until the server knows them all. */
  async openWires(count, atOnce = 50) {
    const open = async () => {
      while (left-- > 0) this.wires.push(await this.openWire())
    }
    let left = count
    await Promise.all(Array.from({ length: atOnce }, open))
    await this.server.settled(this.wires.length)
  }

  /** Resolves when so many messages have come down to the wires since this one was opened. */
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

  /** What the server and the clock spend while something runs: microseconds of CPU, and milliseconds. */
  async spent(run) {
    const before = await this.server.call("cpu")
    const startedAt = performance.now()
    await run()
    const ms = performance.now() - startedAt
    const { user, system } = await this.server.call("cpu")
    const kernelUs = system - before.system
    return { cpuUs: user - before.user + kernelUs, kernelUs, ms }
  }

  /** Calls this again and again until the round is over. */
  async forRound(run) {
    const endsAt = performance.now() + this.roundMs
    do await run()
    while (performance.now() < endsAt)
  }
}
