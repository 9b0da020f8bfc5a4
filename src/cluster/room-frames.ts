import { Decoder, Encoder } from "@msgpack/msgpack"
import { msgpack } from "../codecs/msgpack/msgpack.ts"
import type { Broadcast, Selection, Task, TaskResult } from "../server/across.ts"
import type { PeerDescription } from "../server/peer.ts"
import { allocatePacket, type Packet } from "../wire/batch.ts"
import { MESSAGE } from "../wire/kinds.ts"
import { kindOf, openPacket } from "../wire/packet.ts"
import { decodePrincipal, encodePrincipal } from "./told-principal.ts"

/** What processes publish for each other about rooms. A process ignores frames of another version. */
const VERSION = 1

/** A message, with its number among those of the process that has sent it. */
export interface Numbered {
  readonly number: number
  readonly broadcast: Broadcast
}

/** Memory of a message besides its packets, in bytes. */
const MESSAGE_OVERHEAD_BYTES = 192

/** About how much memory a message takes. */
export function bytesOf({ packets }: Broadcast): number {
  let bytes = MESSAGE_OVERHEAD_BYTES
  for (const [, packet] of packets) bytes += packet.length
  return bytes
}

export type RoomFrame =
  | { readonly kind: "messages"; readonly from: string; readonly messages: readonly Numbered[] }
  | {
      readonly kind: "question"
      readonly from: string
      readonly id: number
      readonly selection: Selection
      readonly task: Task
    }
  /** `failure`: what the hub threw. */
  | {
      readonly kind: "answer"
      readonly from: string
      readonly id: number
      readonly result: TaskResult | { readonly failure: string }
    }
  /** The messages to these rooms went to so many peers of one process. `room` undefined: those to all peers. */
  | { readonly kind: "reached"; readonly from: string; readonly room: string | undefined; readonly count: number }

const encoder = new Encoder()
const decoder = new Decoder()
const _principals = msgpack()

/**
 * A frame as bytes: its version, its kind, its fields as JSON, and what cannot be JSON. Texts are escaped in JSON, so that
 * rooms with any name arrive as they are.
 *
 * @throws EverwireError `payload-unsupported` if a principal is not plain data
 */
export function encodeFrame(frame: RoomFrame, now: number): Uint8Array {
  const { kind, from } = frame
  switch (kind) {
    case "messages": {
      const [first] = frame.messages
      const items = frame.messages.map(({ number, broadcast }) => ({
        number,
        ...(broadcast.except.length > 0 && { except: broadcast.except }),
        ...deliveryFields(broadcast, now),
        codecs: broadcast.packets.map(([codec]) => codec),
      }))
      const packets = frame.messages.flatMap(({ broadcast }) => broadcast.packets.map(([, packet]) => packet))
      return write(kind, { from, rooms: first?.broadcast.rooms, items }, packets)
    }
    case "question":
      return write(kind, { from, id: frame.id, selection: frame.selection, task: frame.task }, [])
    case "answer": {
      const { id, result } = frame
      if ("failure" in result) return write(kind, { from, id, failure: result.failure }, [])
      const { count, peers } = result
      const plain = peers?.map(({ principal, ...rest }) => rest)
      return write(
        kind,
        { from, id, count, peers: plain },
        peers?.map(({ principal }) => encodePrincipal(principal)) ?? [],
      )
    }
    case "reached":
      return write(kind, { from, room: frame.room, count: frame.count }, [])
  }
}

function write(kind: string, fields: object, parts: readonly (string | Uint8Array)[]): Uint8Array {
  return encoder.encode([VERSION, kind, JSON.stringify(fields), parts])
}

/** The time that a message has left is told, and not a moment, because the clocks of processes differ. */
function deliveryFields({ delivery }: Broadcast, now: number): object {
  const { volatile, key, until } = delivery ?? {}
  return { ...(volatile && { volatile }), key, ttlMs: until === undefined ? undefined : Math.max(0, until - now) }
}

/** Reads a frame. Undefined if it is none that this version knows. */
export function readFrame(data: Uint8Array, now: number): RoomFrame | undefined {
  try {
    const frame = decoder.decode(data)
    if (!Array.isArray(frame) || frame[0] !== VERSION) return undefined
    const [, kind, json, parts] = frame as unknown[]
    const fields = fieldsOf(JSON.parse(String(json)))
    if (typeof fields["from"] !== "string" || !Array.isArray(parts)) return undefined
    return READERS[String(kind) as RoomFrame["kind"]]?.(fields["from"], fields, parts, now)
  } catch {
    return undefined
  }
}

type Fields = Readonly<Record<string, unknown>>
type Reader = (from: string, fields: Fields, parts: readonly unknown[], now: number) => RoomFrame | undefined

// Without a prototype, so that no other property of an object is taken for a reader.
const READERS: Readonly<Partial<Record<RoomFrame["kind"], Reader>>> = Object.assign(Object.create(null), {
  messages: (from, { rooms, items }, parts, now) => {
    if ((rooms !== undefined && !areTexts(rooms)) || !Array.isArray(items)) return undefined
    const left = [...parts]
    const messages = items.map((item): Numbered | undefined => readMessage(rooms, fieldsOf(item), left, now))
    return areAll(messages) ? { kind: "messages", from, messages } : undefined
  },
  question: (from, { id, selection, task }) => {
    const chosen = readSelection(fieldsOf(selection))
    const read = readTask(fieldsOf(task))
    if (typeof id !== "number" || chosen === undefined || read === undefined) return undefined
    return { kind: "question", from, id, selection: chosen, task: read }
  },
  answer: (from, { id, count, peers, failure }, parts) => {
    if (typeof id !== "number") return undefined
    if (typeof failure === "string") return { kind: "answer", from, id, result: { failure } }
    if (typeof count !== "number") return undefined
    const described = Array.isArray(peers) ? peers.map((peer, at) => readPeer(fieldsOf(peer), parts[at])) : undefined
    if (described !== undefined && !areAll(described)) return undefined
    return { kind: "answer", from, id, result: { count, peers: described } }
  },
  reached: (from, { room, count }) => {
    if (typeof count !== "number" || (room !== undefined && typeof room !== "string")) return undefined
    return { kind: "reached", from, room, count }
  },
} satisfies Record<RoomFrame["kind"], Reader>)

function readMessage(
  rooms: readonly string[] | undefined,
  { number, except = [], codecs, volatile, key, ttlMs }: Fields,
  parts: unknown[],
  now: number,
): Numbered | undefined {
  if (typeof number !== "number" || !areTexts(except) || !areTexts(codecs)) return undefined
  const packets: [string, Packet][] = []
  for (const codec of codecs) {
    const packet = readPacket(parts.shift())
    if (packet === undefined) return undefined
    packets.push([codec, packet])
  }
  const until = typeof ttlMs === "number" ? now + ttlMs : undefined
  const dropped = { volatile: volatile === true, key: typeof key === "string" ? key : undefined, until }
  const delivery = volatile === true || dropped.key !== undefined || until !== undefined ? dropped : undefined
  return { number, broadcast: { rooms, except, delivery, packets } }
}

/** A packet of its own memory, because it may wait for longer than the rest of its frame. */
function readPacket(part: unknown): Packet | undefined {
  let packet: Packet
  if (typeof part === "string") {
    if (part.includes("\n")) return undefined // it would end the packet
    packet = part
  } else if (part instanceof Uint8Array) {
    const copy = allocatePacket(part.length)
    copy.set(part)
    packet = copy
  } else return undefined
  if (kindOf(packet) !== MESSAGE) return undefined
  openPacket(packet) // it throws if there is no name
  return packet
}

function readSelection({ rooms, except, principal, peer }: Fields): Selection | undefined {
  if (!areTexts(except)) return undefined
  if (areTexts(rooms)) return { rooms, except }
  if (typeof principal === "string") return { principal, except }
  return typeof peer === "string" ? { peer, except } : undefined
}

function readTask({ what, room, reason, mayReturn }: Fields): Task | undefined {
  if (what === "describe") return { what }
  if ((what === "join" || what === "leave") && typeof room === "string") return { what, room }
  if (what === "disconnect" && typeof reason === "string") return { what, reason, mayReturn: mayReturn === true }
  return undefined
}

function readPeer(
  { id, hub, connected, transport, address, rooms }: Fields,
  principal: unknown,
): PeerDescription | undefined {
  if (typeof id !== "string" || typeof hub !== "string" || !areTexts(rooms)) return undefined
  if (!(principal instanceof Uint8Array) || typeof address !== "string") return undefined
  return {
    id,
    hub,
    principal: decodePrincipal(principal), // what `authenticate` of the other process returned
    connected: connected === true,
    transport: typeof transport === "string" ? transport : undefined,
    address,
    rooms,
  }
}

function fieldsOf(value: unknown): Fields {
  return Object(value) as Fields // any object has properties of unknown type
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string")
}

function areAll<Item>(items: readonly (Item | undefined)[]): items is readonly Item[] {
  return !items.includes(undefined)
}
