import { Decoder, Encoder } from "@msgpack/msgpack"
import type { MovedSession, SessionChange } from "../server/moved-session.ts"
import type { Delivery, Unnumbered } from "../session/delivery/delivery.ts"
import type { Packet } from "../wire/batch.ts"
import { decodeFacts, decodeMoved, encodeFacts, encodeMoved } from "./moved-session.ts"

const encoder = new Encoder({ ignoreUndefined: true })
const decoder = new Decoder()

/**
 * When what is written of a session counts, because two processes have written it while one handed it to the other: if the value
 * of a key of the store is one of these (`""`: there is none), or if it is none of them.
 */
export interface Condition {
  readonly key: string
  readonly values: readonly string[]
  readonly holds: boolean
}

/** What is written of one session. */
export type Note = WholeNote | { readonly change: SessionChange } | { readonly ended: string }

export interface WholeNote {
  readonly whole: MovedSession
  readonly condition?: Condition | undefined
}

const WHOLE = 0
const CHANGE = 1
const ENDED = 2

type WrittenChange = [
  typeof CHANGE,
  string,
  Uint8Array | null,
  heard: number,
  acked: number,
  first: number,
  packets: number[],
  deliveries: readonly (readonly [number: number, delivery: Delivery])[],
  waits: [place: number, packet: number, delivery: Delivery | null][],
  left: readonly number[],
]
type Written = [typeof WHOLE, Uint8Array, Condition | null] | WrittenChange | [typeof ENDED, string]

/**
 * Writes notes of many sessions as one entry of a log. A packet that several of them have is in it once. `number`: entries of
 * a journal have rising ones.
 */
export function encodeEntry(number: number, notes: readonly Note[]): Uint8Array {
  const places = new Map<Packet, number>()
  const placeOf = (packet: Packet): number => {
    const place = places.get(packet) ?? places.size
    places.set(packet, place)
    return place
  }
  const written = notes.map((note): Written => {
    if ("ended" in note) return [ENDED, note.ended]
    if ("whole" in note) return [WHOLE, encodeMoved(note.whole), note.condition ?? null]
    const { id, facts, heard, acked, first, packets, deliveries, waits, left } = note.change
    return [
      CHANGE,
      id,
      Object.keys(facts).length > 0 ? encodeFacts(facts) : null,
      heard,
      acked,
      first,
      packets.map(placeOf),
      deliveries,
      waits.map(([place, packet, delivery]) => [place, placeOf(packet), delivery ?? null]),
      left,
    ]
  })
  return encoder.encode([number, [...places.keys()], written])
}

/** A session of which a journal is read. */
interface Read {
  moved: MovedSession
  condition: Condition | undefined
  heard: number
  acked: number
  /** The packets behind `acked`. */
  packets: Packet[]
  numbered: Map<number, Delivery>
  lane: Map<number, Unnumbered>
}

/** Puts together the sessions of which a journal tells. */
export class JournalReader {
  readonly #sessions = new Map<string, Read>()
  /** Number of the last entry. */
  #last = 0

  /** Reads the next entry. One that is in the log twice, because the answer of the store was lost, counts once. */
  read(entry: Uint8Array): void {
    const [number, packets, written] = decoder.decode(entry) as [number, Packet[], Written[]] // `encodeEntry` wrote it
    if (number <= this.#last) return
    this.#last = number
    for (const note of written) {
      if (note[0] === ENDED) this.#sessions.delete(note[1])
      else if (note[0] === WHOLE) this.#begin(decodeMoved(note[1]), note[2] ?? undefined)
      else this.#change(note, packets)
    }
  }

  #begin(moved: MovedSession, condition: Condition | undefined): void {
    const { heard, acked, packets, lane } = moved.snapshot
    this.#sessions.set(moved.id, {
      moved,
      condition,
      heard,
      acked,
      packets: [...packets],
      numbered: new Map(lane?.numbered),
      lane: new Map((lane?.unnumbered ?? []).map((one, at) => [at + 1, one])),
    })
  }

  #change([, id, facts, heard, acked, first, places, deliveries, waits, left]: WrittenChange, table: Packet[]): void {
    const read = this.#sessions.get(id)
    if (read === undefined) return // it was written behind the end of the session
    const known = (): number => read.acked + read.packets.length
    if (facts !== null) read.moved = { ...read.moved, ...decodeFacts(facts) }
    read.heard = Math.max(read.heard, heard)
    for (const place of left) read.lane.delete(place)
    for (const [place, packet, delivery] of waits) {
      read.lane.set(place, { packet: table[packet] ?? "", delivery: delivery ?? undefined })
    }
    for (const [at, place] of places.entries()) {
      const number = first + at
      // Those in between were acknowledged before they were written.
      if (number > known() + 1) Object.assign(read, { acked: number - 1, packets: [] })
      if (number > known()) read.packets.push(table[place] ?? "")
    }
    read.packets.splice(0, Math.max(0, acked - read.acked))
    read.acked = Math.max(read.acked, acked)
    for (const [number, delivery] of deliveries) read.numbered.set(number, delivery)
    for (const number of read.numbered.keys()) if (number <= read.acked) read.numbered.delete(number)
  }

  /** The sessions that have not ended, each as it goes on. */
  sessions(): { readonly moved: MovedSession; readonly condition: Condition | undefined }[] {
    return [...this.#sessions.values()].map(({ moved, condition, heard, acked, packets, numbered, lane }) => {
      const unnumbered = [...lane.values()]
      const snapshot = {
        heard,
        parts: [],
        acked,
        sent: acked + packets.length,
        packets,
        lane: unnumbered.length + numbered.size > 0 ? { unnumbered, numbered: [...numbered] } : undefined,
      }
      return { moved: { ...moved, snapshot }, condition }
    })
  }
}
