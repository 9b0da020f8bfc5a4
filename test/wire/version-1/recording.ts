import { type Batch, decodeBatch, type Packet } from "../../../src/wire/batch.ts"

/** One thing that happened at the channel's end of a link, or of a request. */
export interface Entry {
  readonly atMs: number
  /** The wire, and a number: links are counted as they are dialed, requests as they are made. */
  readonly on: string
  readonly from: "channel" | "hub"
  /** A batch or a body, or the code with which the link or the request ended. */
  readonly what: Batch | { readonly closed: string }
}

/** A line for each entry. Bytes are hexadecimal digits; of what is repeated for long, how often. */
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

/** The letters of version 1, not those of the sources: they are what is held against it. */
const NUMBERED = "mqrxc"
const HANDSHAKE = "hwt"

const letterOf = (packet: Packet): string =>
  typeof packet === "string" ? packet.charAt(0) : String.fromCharCode(packet[0] ?? 0)

/**
 * What a side has said, without what it may do otherwise another time (acks, probes, and how packets are cut): the numbered
 * packets, whole; the letter of each packet of the handshake; and the code of a bye.
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

/** The same batch or body from an end that knows more: fields that version 1 has not, in each packet that is an object. */
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
