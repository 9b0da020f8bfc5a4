/** Bytes in front of each part: which it is, and of how many, in two bytes each. */
export const PART_HEAD_BYTES = 4

/** A message in parts that a server takes. */
export function inParts(data: Uint8Array, maxBytes: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(data.length / maxBytes))
  return Array.from({ length: count }, (_, index) => {
    const body = data.subarray(index * maxBytes, (index + 1) * maxBytes)
    const part = new Uint8Array(PART_HEAD_BYTES + body.length)
    const view = new DataView(part.buffer)
    view.setUint16(0, index)
    view.setUint16(2, count)
    part.set(body, PART_HEAD_BYTES)
    return part
  })
}

/** Puts parts together. Parts of one sender and topic come in order, and some may be lost. */
export class Parts {
  readonly #begun = new Map<string, Uint8Array[]>()

  /** The whole message, when this was its last part. */
  take(from: string, part: Uint8Array): Uint8Array | undefined {
    const view = new DataView(part.buffer, part.byteOffset, part.length)
    const [index, count] = [view.getUint16(0), view.getUint16(2)]
    const body = part.subarray(PART_HEAD_BYTES)
    if (count === 1) return body
    const parts = index === 0 ? [] : this.#begun.get(from)
    this.#begun.delete(from)
    if (parts === undefined || parts.length !== index) return undefined
    parts.push(body)
    if (parts.length < count) {
      this.#begun.set(from, parts)
      return undefined
    }
    const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const each of parts) {
      whole.set(each, at)
      at += each.length
    }
    return whole
  }

  /** Forgets what was begun: its rest is lost. */
  clear(): void {
    this.#begun.clear()
  }
}
