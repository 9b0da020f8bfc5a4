import { type Channel, createChannel } from "everwire/core"
import { createHub, type Hub, type Peer } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Machine, type Network, type VirtualRuntime } from "everwire/testing"
import { UNUSED_WINDOW_MS } from "../../src/kernel/defaults.ts"
import { LADDER, type SystemHistory } from "./system-history.ts"

interface Talk {
  up: { up: { n: number; pad: string } }
  down: { down: { peer: string; n: number; pad: string } }
  requests: { ask(data: number): number }
}

/** What was said to one peer and what became of it. */
interface Downs {
  said: number
  heard: number
  /** Set when the peer has ended: how many it said may not have been heard. Unknown when its hub crashed. */
  undelivered: number | "unknown" | undefined
}

/** A question, and how it ended. */
interface Question {
  readonly machine: Machine
  outcome: "waiting" | "answered" | "failed"
}

/** One channel, one hub after another, the network between them, and everything that was said and heard. */
export class World {
  readonly runtime: VirtualRuntime
  readonly network: Network
  /** The channel's machine. */
  readonly near: Machine
  readonly channel: Channel<Talk>
  hub: { readonly hub: Hub<Talk>; readonly machine: Machine } | undefined
  /** Machines of all hubs there were. */
  readonly far: Machine[] = []
  /** What the rules forbid and happened. */
  readonly complaints: string[] = []
  readonly #resend: boolean
  /** Whether the hub speaks first. */
  readonly #greets: boolean
  #up = 0
  readonly #upHeard = new Set<number>()
  /** The last that a hub heard for the first time. */
  #upLast = -1
  /** What `onReset` told. */
  readonly #uncertain = new Set<number>()
  readonly #downs = new Map<string, Downs>()
  readonly #questions: Question[] = []
  readonly #asked = new Set<string>()
  /** When a peer was last seen with a link. */
  readonly #connectedAt = new WeakMap<Peer<Talk>, number>()

  constructor({ seed, latencyMs, resend, greets }: SystemHistory) {
    this.runtime = createVirtualRuntime({ seed })
    this.network = createNetwork({ runtime: this.runtime, latencyMs, jitterMs: 30 })
    this.near = this.runtime.machine()
    this.#resend = resend
    this.#greets = greets
    this.startHub()
    this.channel = this.#createChannel()
  }

  // — what can happen —

  sendUp(many: number, size: number): void {
    for (let i = 0; i < many; i++) this.channel.send("up", { n: this.#up++, pad: pad(size) })
  }

  sendDown(many: number, size: number): void {
    for (const peer of this.#peers()) this.#sayDown(peer, many, size)
  }

  askUp(): void {
    this.#ask(this.near, (n) => this.channel.request("ask", n))
  }

  askDown(): void {
    if (this.hub === undefined) return
    for (const peer of this.#peers()) this.#ask(this.hub.machine, (n) => peer.request("ask", n))
  }

  startHub(): void {
    if (this.hub !== undefined) return
    const machine = this.runtime.machine()
    const hub = createHub<Talk>({ runtime: machine, transports: LADDER.map((name) => this.network.acceptor(name)) })
    hub.onPeer((peer) => {
      this.#downs.set(peer.id, { said: 0, heard: 0, undelivered: undefined })
      peer.onClose(({ undelivered, code }) => {
        this.#downsOf(peer.id).undelivered = undelivered
        const awayMs = this.runtime.now() - (this.#connectedAt.get(peer) ?? 0)
        if (code === "session-expired" && awayMs < UNUSED_WINDOW_MS) this.#complain(`expired after ${awayMs} ms`)
      })
      if (this.#greets) this.#sayDown(peer, 1, 0)
    })
    hub.on("up", ({ n }) => this.#hearUp(n))
    hub.handle("ask", (n) => this.#answer("up", n))
    hub.onError((error) => this.#complain(`the hub failed: ${error}`))
    this.hub = { hub, machine }
    this.far.push(machine)
  }

  /** The hub is shut down as a deploy does it. */
  closeHub(): void {
    void this.hub?.hub.close()
    this.hub = undefined
  }

  /** The hub's process dies; the operating system resets its connections. */
  crashHub(): void {
    if (this.hub === undefined) return
    for (const peer of this.#peers()) this.#downsOf(peer.id).undelivered = "unknown"
    this.hub.machine.halt()
    this.hub = undefined
    this.network.crash()
  }

  // — what must hold —

  /** After every step. */
  check(): void {
    if (this.channel.status === "closed") this.#complain(`the channel closed: ${this.channel.explain().why}`)
    for (const machine of [this.near, ...this.far]) for (const error of machine.reported) this.#complain(String(error))
    for (const peer of this.#peers()) if (peer.connected) this.#connectedAt.set(peer, this.runtime.now())
    for (const { closing } of this.channel.explain().incidents) {
      if (closing?.code === "protocol-error") this.#complain(`between honest ends: ${closing.reason}`)
    }
    // One alarm of the session, one of the connector, and the time-outs of what it asks.
    const asking = this.#questions.filter(({ outcome, machine }) => outcome === "waiting" && machine === this.near)
    if (this.near.pending() > 2 + asking.length) this.#complain(`${this.near.pending()} timers in one channel`)
    const [first] = this.complaints
    if (first !== undefined) throw new Error(first)
  }

  /** Once nothing is in the way any more: whether everybody has been told everything. */
  get settled(): boolean {
    if (this.channel.status !== "open") return false
    for (let n = this.#up - 1; n >= 0; n--) {
      if (!this.#upHeard.has(n) && (this.#resend || !this.#uncertain.has(n))) return false
    }
    // Another peer may be left on this hub by a stray hello; it expires, and says then what it could not deliver.
    const { said, heard } = this.#downsOf(this.channel.peerId ?? "")
    if (heard < said) return false
    return this.#questions.every(({ outcome, machine }) => outcome !== "waiting" || !this.#runs(machine))
  }

  /** At the end: what is still missing, in words. */
  missing(): string {
    const ups = Array.from({ length: this.#up }, (_, n) => n).filter(
      (n) => !this.#upHeard.has(n) && (this.#resend || !this.#uncertain.has(n)),
    )
    const downs = [...this.#downs].filter(([, { heard, said, undelivered }]) =>
      undelivered === "unknown" ? false : heard + (undelivered ?? 0) < said,
    )
    const open = this.#questions.filter(({ outcome, machine }) => outcome === "waiting" && this.#runs(machine))
    const { status, transport } = this.channel
    return `${status} on ${transport}; not heard up: ${ups}; down: ${JSON.stringify(downs)}; unanswered: ${open.length}`
  }

  /** When every hub is gone: what a peer said was heard or told as undelivered. */
  checkTold(): void {
    for (const [peer, { said, heard, undelivered }] of this.#downs) {
      if (undelivered === "unknown") continue
      if (undelivered === undefined) throw new Error(`${peer} never ended`)
      if (heard + undelivered < said) {
        throw new Error(`${peer} said ${said}, ${heard} were heard, ${undelivered} were told as undelivered`)
      }
    }
  }

  #createChannel(): Channel<Talk> {
    const channel = createChannel<Talk>("http://hub", {
      runtime: this.near,
      store: null,
      onReset: this.#resend ? "resend" : "report",
      transports: LADDER.map((name) => this.network.dialer(name, { streamed: name === "sse" })),
    })
    channel.on("down", ({ peer, n }) => this.#hearDown(peer, n))
    channel.handle("ask", (n) => this.#answer("down", n))
    channel.onReset(({ messages }) => {
      for (const { data } of messages) this.#uncertain.add((data as Talk["up"]["up"]).n) // the only message there is
    })
    channel.onError((error) => this.#complain(`the channel failed: ${error}`))
    return channel
  }

  #sayDown(peer: Peer<Talk>, many: number, size: number): void {
    const downs = this.#downsOf(peer.id)
    for (let i = 0; i < many; i++) peer.send("down", { peer: peer.id, n: downs.said++, pad: pad(size) })
  }

  #hearUp(n: number): void {
    if (n >= this.#up) this.#complain(`up ${n} was heard and never said`)
    if (this.#upHeard.has(n) && !(this.#resend && this.#uncertain.has(n))) this.#complain(`up ${n} was heard twice`)
    if (n < this.#upLast && !this.#uncertain.has(n)) this.#complain(`up ${n} was heard after ${this.#upLast}`)
    for (let skipped = this.#upLast + 1; skipped < n; skipped++) {
      if (!this.#uncertain.has(skipped)) this.#complain(`up ${n} was heard before ${skipped}`)
    }
    this.#upLast = Math.max(this.#upLast, n)
    this.#upHeard.add(n)
  }

  #hearDown(peer: string, n: number): void {
    const downs = this.#downsOf(peer)
    if (n !== downs.heard) this.#complain(`down ${n} of ${peer} was heard where ${downs.heard} was due`)
    downs.heard++
  }

  #ask(machine: Machine, ask: (n: number) => Promise<number>): void {
    const n = this.#questions.length
    const question: Question = { machine, outcome: "waiting" }
    this.#questions.push(question)
    ask(n).then(
      (answer) => {
        if (answer !== n || question.outcome !== "waiting") this.#complain(`question ${n} was answered with ${answer}`)
        question.outcome = "answered"
      },
      () => {
        question.outcome = "failed"
      },
    )
  }

  #answer(direction: string, n: number): number {
    if (this.#asked.has(`${direction} ${n}`)) this.#complain(`question ${n} was heard twice`)
    this.#asked.add(`${direction} ${n}`)
    return n
  }

  #peers(): Peer<Talk>[] {
    return [...(this.hub?.hub.peers.values() ?? [])]
  }

  #runs(machine: Machine): boolean {
    return machine === this.near || machine === this.hub?.machine
  }

  #downsOf(peer: string): Downs {
    const downs = this.#downs.get(peer)
    if (downs === undefined) throw new Error(`nobody knows the peer ${peer}`)
    return downs
  }

  #complain(what: string): void {
    this.complaints.push(what)
  }
}

const pads = new Map<number, string>()

function pad(size: number): string {
  const known = pads.get(size) ?? "x".repeat(size)
  pads.set(size, known)
  return known
}
