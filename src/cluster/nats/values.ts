import { text, utf8 } from "../../wire/batch.ts"
import type { JetStream } from "./jetstream.ts"
import type { ServerClock } from "./server-clock.ts"

/** What a subject has: its value, and the sequence of the message that has set it, 0 if there was none. */
interface Current {
  readonly value: string | undefined
  readonly sequence: number
}

/** Values that expire, each the last message of a subject. Leases are values, too. */
export class Values {
  readonly #stream: JetStream
  readonly #clock: ServerClock

  constructor(stream: JetStream, clock: ServerClock) {
    this.#stream = stream
    this.#clock = clock
  }

  async read(subject: string): Promise<string | undefined> {
    return (await this.#current(subject)).value
  }

  /**
   * Sets a value where `wanted` agrees with the one that is there. If another process was faster, it asks again.
   *
   * @returns the value that is there afterwards
   */
  async change(
    subject: string,
    wanted: (value: string | undefined) => boolean,
    to: string | undefined,
    ttlMs: number,
  ): Promise<string | undefined> {
    const data = utf8(JSON.stringify(to === undefined ? { ttlMs } : { ttlMs, value: to }))
    for (;;) {
      const { value, sequence } = await this.#current(subject)
      if (!wanted(value)) return value
      if (value === undefined && to === undefined) return undefined
      if ((await this.#stream.store(subject, data, sequence)) !== undefined) return to
    }
  }

  async #current(subject: string): Promise<Current> {
    const last = await this.#stream.last(subject)
    if (last === undefined) return { value: undefined, sequence: 0 }
    const { ttlMs, value } = JSON.parse(text(last.data)) as { ttlMs: number; value?: string } // stored by `change`
    const isAlive = value !== undefined && (await this.#clock.now()) < last.at + ttlMs
    return { value: isAlive ? value : undefined, sequence: last.sequence }
  }
}
