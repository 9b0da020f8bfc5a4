import { setTimeout as pause } from "node:timers/promises"
import { Bench } from "../bench.mjs"
import { countOf } from "../payload.mjs"

/** The tools of a workload on a cluster: the server processes of one case, and the clients in this process. */
export class ClusterBench extends Bench {
  /** The primary process, by which those of the servers are called. */
  primary
  /** Where each server process listens. */
  ports
  /** When each message has come to the wire of `openClock`, in ms of the clock that all processes share. */
  arrivals = []
  #client

  /** With `relayed`, links reach the second process and sessions are at the first. */
  constructor(client, primary, ports, { relayed }, roundMs) {
    const settled = (sockets) => this.#settled(sockets)
    const call = (name, ...args) => primary.call("call", 0, name, ...args)
    const [port, other] = ports
    super(client, { call, settled }, { port, via: relayed ? other : undefined, transport: "websocket" }, roundMs)
    this.primary = primary
    this.ports = ports
    this.#client = client
  }

  /** A client of one process that notes when each message has come. */
  openClock(port) {
    const hear = (bytes) => {
      const at = Number(process.hrtime.bigint()) / 1e6
      for (let n = countOf(bytes, "seq"); n > 0; n--) this.arrivals.push(at)
    }
    return this.#client.openWire({ port, transport: "websocket", hear })
  }

  /** CPU time of a function, in microseconds: of all server processes, of the busiest one, and of what joins them. */
  async spent(run) {
    const before = await this.primary.call("cpu")
    await run()
    const { servers, store } = await this.primary.call("cpu")
    const each = servers.map((micros, n) => micros - before.servers[n])
    return {
      cpuUs: each.reduce((sum, one) => sum + one),
      busiestUs: Math.max(...each),
      eachUs: each,
      storeUs: store - before.store,
    }
  }

  /** How many messages all server processes have heard. */
  async serversHeard() {
    const counts = await this.primary.call("callAll", "count")
    return counts.reduce((sum, { heard }) => sum + heard, 0)
  }

  /** How many clients each server process has. */
  async clients() {
    const counts = await this.primary.call("callAll", "count")
    return counts.map(({ sockets }) => sockets)
  }

  #settled(sockets) {
    return until(async () => (await this.clients()).reduce((sum, one) => sum + one) === sockets, 60_000)
  }
}

/** The value below which this part of the numbers is. */
export function quantileOf(numbers, part) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(part * (numbers.length - 1))]
}

/** Asks until it is so. */
export async function until(isTrue, lateMs = 30_000) {
  const lateAt = Date.now() + lateMs
  while (!(await isTrue())) {
    if (Date.now() > lateAt) throw new Error(`not after ${lateMs} ms: ${isTrue}`)
    await pause(5)
  }
}
