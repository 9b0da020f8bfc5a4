import { type Batch, decodeBatch, type Packet, sizeOf } from "../wire/batch.ts"

/** Characters of each packet that are shown. */
const SHOWN = 96
/** Lines that are kept at least; up to twice as many until the oldest are dropped. */
const KEPT = 5_000
/** Of a batch larger than this, only the size is kept. */
const KEPT_BYTES = 4_096

interface Line {
  readonly at: number
  readonly who: string
  readonly text: string | Batch
}

/** A log of the packets and faults of a network, for people to read. Lines are formatted only when it is read. */
export class Trace {
  readonly #startedAt: number
  #lines: Line[] = []

  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  note(at: number, who: string, text: string | Batch): void {
    const kept = sizeOf(text) > KEPT_BYTES ? `a batch of ${sizeOf(text)}` : text
    this.#lines.push({ at, who, text: kept })
    if (this.#lines.length > 2 * KEPT) this.#lines = this.#lines.slice(-KEPT)
  }

  /** The log, one line for each packet or event: milliseconds since the start, the wire or name, and the text. */
  toString(): string {
    return this.#lines
      .map(({ at, who, text }) => {
        const head = `${String(at - this.#startedAt).padStart(9)}  ${who.padEnd(18)} `
        return (
          head +
          decodeBatch(text)
            .map(show)
            .join(`\n${" ".repeat(head.length)}`)
        )
      })
      .join("\n")
  }
}

function show(packet: Packet): string {
  const text = typeof packet === "string" ? packet : `<${packet.length} bytes>`
  const printable = text.replaceAll("\t", " ⇥ ")
  return printable.length > SHOWN ? `${printable.slice(0, SHOWN)}… (${text.length})` : printable
}
