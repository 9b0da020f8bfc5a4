import { type Batch, decodeBatch, type Packet } from "../../../src/wire/batch.ts"

/** One event at the channel's end of a link or of a request. */
export interface Entry {
  readonly atMs: number
  /**
   * The transport and a number: links are numbered in the order of their dials, requests in the order in which they are
   * made.
   */
  readonly on: string
  readonly from: "channel" | "hub"
  /** A batch or a body, or the code with which the link or the request ended. */
  readonly what: Batch | { readonly closed: string }
}

/**
 * One line of text for each entry. Bytes are written as hexadecimal digits, and a long run of repeated characters as
 * its length.
 */
export function write(entries: readonly Entry[]): string {
  return entries
    .map(({ atMs, on, from, what }) => {
      const form = what instanceof Uint8Array ? { hex: Buffer.from(what).toString("hex") } : what
      const text = JSON.stringify(form).replace(
        /(\w\w?)\1{99,}/g,
        (run, once: string) => `⟨${run.length / once.length} ${once}⟩`,
      )
      return `${atMs}\t${on}\t${from}\t${text}\n`
    })
    .join("")
}

export function read(text: string): Entry[] {
  const lines = text.split("\n").filter((line) => line !== "")
  return lines.map((line) => {
    const [atMs = "", on = "", from = "", written = ""] = line.split("\t")
    const whole = written.replace(/⟨(\d+) (\w+)⟩/g, (_, count: string, once: string) => once.repeat(Number(count)))
    const form = JSON.parse(whole) as string | { hex: string } | { closed: string }
    const what = typeof form === "object" && "hex" in form ? new Uint8Array(Buffer.from(form.hex, "hex")) : form
    return { atMs: Number(atMs), on, from: from as Entry["from"], what }
  })
}

/**
 * The letters of version 1, written out here: taken from the sources, they could not detect a change of the sources.
 */
const NUMBERED = "mqrxc"
const HANDSHAKE = "hwt"

const letterOf = (packet: Packet): string =>
  typeof packet === "string" ? packet.charAt(0) : String.fromCharCode(packet[0] ?? 0)

/**
 * The packets of a side that must be the same in each run: the numbered packets, whole; the letter of each handshake
 * packet; and the code of a bye. Acks, probes, and the places where packets are cut may differ between runs.
 */
export function landmarks(batches: readonly Batch[]): string[] {
  const passed: string[] = []
  let parts = ""
  for (const packet of batches.flatMap(decodeBatch)) {
    const letter = letterOf(packet)
    if (letter === "e" || letter === "f") parts += written(packet.slice(1))
    if (letter === "e") {
      passed.push(parts)
      parts = ""
    } else if (NUMBERED.includes(letter)) passed.push(written(packet))
    else if (HANDSHAKE.includes(letter)) passed.push(letter)
    else if (letter === "b") passed.push(`bye ${(JSON.parse(written(packet).slice(1)) as { code: string }).code}`)
  }
  return passed
}

function written(packet: Packet): string {
  return typeof packet === "string" ? packet : Buffer.from(packet).toString("latin1")
}

/**
 * The same batch or body as sent by a newer end: with fields unknown to version 1 in each packet that is a JSON object.
 */
export function withUnknownFields(batch: Batch): Batch {
  if (typeof batch !== "string") return batch
  return batch
    .split("\n")
    .map((packet) => {
      if (!/^[hwtb@]\{/.test(packet)) return packet
      const fields = JSON.parse(packet.slice(1)) as object
      const more = { features: ["unheard-of"], future: { deep: [1, null] }, "": false }
      return packet.charAt(0) + JSON.stringify({ ...more, ...fields })
    })
    .join("\n")
}
