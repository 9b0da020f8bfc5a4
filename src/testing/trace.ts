import { type Batch, decodeBatch, type Packet, sizeOf } from "../wire/batch.ts"

/** How much of a packet is shown. */
const SHOWN = 96
/** How many lines are kept. */
const KEPT = 5_000
/** A larger batch is not kept but told by its size. */
const KEPT_BYTES = 4_096

interface Line {
  readonly at: number
  readonly who: string
  readonly text: string | Batch
}

/** What crossed a network and what happened to it, for people. Written only when it is read. */
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

  /** One line for each packet or event: milliseconds since the beginning, who, and what. */
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
