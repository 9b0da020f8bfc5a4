/** Bytes in front of each message: 8 that name the publisher by chance, and 8 with the number of the message. */
const STAMP_BYTES = 16

/** How many publishers are remembered. A cluster has fewer, but each restart of a process makes another. */
const MAX_PUBLISHERS = 10_000

/**
 * Numbers what one process publishes, and takes out of what comes that which came already, or comes too late. A client
 * that sends again what was not confirmed before its connection broke would otherwise double or overtake.
 */
export class Stamps {
  readonly #me = crypto.getRandomValues(new Uint8Array(8))
  #number = 0
  /** The number of the last message of each publisher. */
  readonly #last = new Map<string, number>()

  stamp(data: Uint8Array): Uint8Array {
    const stamped = new Uint8Array(STAMP_BYTES + data.length)
    stamped.set(this.#me)
    const number = ++this.#number
    const view = new DataView(stamped.buffer)
    view.setUint32(8, Math.floor(number / 2 ** 32))
    view.setUint32(12, number >>> 0)
    stamped.set(data, STAMP_BYTES)
    return stamped
  }

  /** The data of a message. Undefined if it must not be heard. */
  read(stamped: Uint8Array): Uint8Array | undefined {
    if (stamped.length < STAMP_BYTES) return undefined
    const view = new DataView(stamped.buffer, stamped.byteOffset, STAMP_BYTES)
    const publisher = `${view.getUint32(0)} ${view.getUint32(4)}`
    const number = view.getUint32(8) * 2 ** 32 + view.getUint32(12)
    const last = this.#last.get(publisher)
    if (last !== undefined && number <= last) return undefined
    this.#last.set(publisher, number)
    const [oldest] = this.#last.size > MAX_PUBLISHERS ? this.#last.keys() : []
    if (oldest !== undefined) this.#last.delete(oldest)
    return stamped.subarray(STAMP_BYTES)
  }
}
