import { type Channel, type CreateChannelOptions, createChannel, type Reset } from "everwire"
import { passUntil } from "../../cluster/rigs/real-time.ts"
import { tally, type Verdict } from "../flow.ts"
import type { RealCluster } from "./real-cluster.ts"

let talks = 0

/** A channel that sends numbers at a steady rate to the hubs of a real cluster, which send to it. */
export class Talk {
  readonly name = `c${++talks}`
  readonly channel: Channel
  readonly resets: Reset[] = []
  /** What it heard, in order. */
  readonly heard: string[] = []
  /** What it heard of the messages to all, by process. */
  readonly broadcasts = new Map<string, number[]>()
  said = 0
  readonly #cluster: RealCluster
  readonly #timer: NodeJS.Timeout
  #maxGapMs = 0
  #heardAt = performance.now()

  /** @param url default: the balancer's */
  constructor(cluster: RealCluster, options: CreateChannelOptions, url = cluster.balancer.url, perSecond = 200) {
    this.#cluster = cluster
    this.channel = createChannel(url, { store: null, auth: () => this.name, ...options })
    this.channel.on("n", (text) => {
      const now = performance.now()
      this.#maxGapMs = Math.max(this.#maxGapMs, now - this.#heardAt)
      this.#heardAt = now
      this.heard.push(String(text))
    })
    this.channel.on("all", (data) => {
      const [process, number] = data as [string, number] // process.ts sends nothing else
      this.broadcasts.set(process, [...(this.broadcasts.get(process) ?? []), number])
    })
    this.channel.onReset((reset) => this.resets.push(reset))
    const startedAt = performance.now()
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000)
      while (this.said < due) this.channel.send("n", this.said++)
    }, 1000 / perSecond)
  }

  /** Where its session is: the name of the process. */
  get owner(): string | undefined {
    return this.#cluster.journal.of(this.name).begun.at(-1)?.[0]
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Both sides stop. Resolves when everything has arrived, or at the deadline; the verdict shows which. */
  async settled(deadlineMs: number): Promise<Verdict> {
    await this.hush()
    const { journal } = this.#cluster
    await passUntil(() => {
      const { heard, said } = journal.of(this.name)
      return heard.length >= this.said && this.heard.length >= said.length
    }, deadlineMs)
    // A repetition that is still on its way arrives before the answer to this flush.
    await this.channel.flush().catch(() => {})
    const { heard, said, begun } = journal.of(this.name)
    const places = new Map(said.map((text, place) => [text, place]))
    return {
      up: tally(this.said, heard),
      down: tally(
        said.length,
        this.heard.map((text) => places.get(text)),
      ),
      maxGapMs: Math.round(this.#maxGapMs),
      resets: this.resets.length + begun.slice(1).filter(([, how]) => how === "new").length,
    }
  }

  /** Neither side sends any more. */
  async hush(): Promise<void> {
    this.stop()
    await Promise.all(this.#cluster.processes.map((process) => process.ask({ hush: this.name })))
  }

  async close(): Promise<void> {
    this.stop()
    await this.channel.close({ flushMs: 0 })
  }
}
