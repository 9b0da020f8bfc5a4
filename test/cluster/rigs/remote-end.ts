import type { Backplane } from "everwire/testing"

/** What the test tells an agent to do. */
export interface Order {
  readonly id: number
  readonly end: number
  readonly method: keyof Backplane | "open" | "unsubscribe"
  readonly args: readonly unknown[]
}

/** What an agent tells the test: the result of an order, or what a subscriber or listener was called with. */
export type Report =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly code: unknown; readonly message: string }
  | { readonly calledBack: number; readonly value: unknown }

/** Where an agent is: a process, or a thread. */
export interface Agent {
  send(order: Order): void
  onReport(hear: (report: Report) => void): void
}

/** Drives the ends of a backplane in another process. */
export class RemoteEnds {
  readonly #agent: Agent
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  readonly #callbacks = new Map<number, (value: unknown) => void>()
  #ids = 0

  constructor(agent: Agent) {
    this.#agent = agent
    agent.onReport((report) => {
      if ("calledBack" in report) return this.#callbacks.get(report.calledBack)?.(report.value)
      const asked = this.#asked.get(report.id)
      this.#asked.delete(report.id)
      if ("value" in report) asked?.resolve(report.value)
      else asked?.reject(Object.assign(new Error(report.message), { code: report.code }))
    })
  }

  /** Opens an end there, on this socket. */
  async open(path: string): Promise<Backplane> {
    const end = ++this.#ids
    await this.#ask(end, "open", [path])
    // The results are those of the same method at the other side.
    const ask = (method: Order["method"], ...args: unknown[]): Promise<never> => this.#ask(end, method, args) as never
    return {
      publish: (topic, data) => void ask("publish", topic, data),
      subscribe: async (topic, hear) => {
        const callback = ++this.#ids
        this.#callbacks.set(callback, (value) => {
          try {
            hear(value as Uint8Array)
          } catch {
            // The backplane is in the other process. The laws of one process show what it does with a hearer that throws.
          }
        })
        await ask("subscribe", topic, callback)
        return () => {
          this.#callbacks.delete(callback)
          void ask("unsubscribe", callback)
        }
      },
      read: (...args) => ask("read", ...args),
      compareAndSet: (...args) => ask("compareAndSet", ...args),
      lease: (...args) => ask("lease", ...args),
      release: (...args) => ask("release", ...args),
      append: (...args) => ask("append", ...args),
      entries: (...args) => ask("entries", ...args),
      drop: (...args) => ask("drop", ...args),
      onConnected: (listener) => {
        const callback = ++this.#ids
        this.#callbacks.set(callback, (value) => listener(value as boolean))
        void ask("onConnected", callback)
        return () => void this.#callbacks.delete(callback)
      },
      will: (topic, data) => {
        void ask("will", topic, data)
        return () => {}
      },
      close: () => ask("close"),
    }
  }

  #ask(end: number, method: Order["method"], args: readonly unknown[]): Promise<unknown> {
    const id = ++this.#ids
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.#agent.send({ id, end, method, args })
    })
  }
}
