import { MessageEncoder } from "../../messaging/message-encoder.ts"
import { type Packet, utf8 } from "../../wire/batch.ts"
import { type Codec, json } from "../../wire/codec.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import type { Body } from "../../wire/payload.ts"
import { Log } from "../sessions/packet-list.ts"

/** Encodes for the sessions of a hub that use one codec. */
export class HubEncoder extends MessageEncoder {
  /** Of the codec. */
  readonly name: string
  /** Messages that were sent to all of these sessions. */
  readonly log = new Log()
  /** How many sessions there are. */
  sessions = 0

  readonly #check: Check | undefined

  /** @param check Undefined if the hub's contract has no schemas. */
  constructor({ name }: Codec, codec: Codec | undefined, maxPayloadBytes: number, check: Check | undefined) {
    super(codec, maxPayloadBytes)
    this.name = name
    this.#check = check
  }

  /**
   * Checks a message by the contract, if that has schemas, and returns what is to be sent.
   *
   * @throws EverwireError what the check throws
   */
  checked(name: string, data: unknown): unknown {
    return this.#check === undefined ? data : this.#check(name, data)
  }
}

/** Returns what is to be sent as this message. It throws an EverwireError where that is not to be sent. */
type Check = (name: string, data: unknown) => unknown

/** Bounds on the payloads of a hub. */
interface Bounds {
  readonly maxPayloadBytes: number
  /** Most levels of values within values in what the hub takes. */
  readonly maxDepth: number
}

/** A message to many peers, as those of one codec get it. */
interface Copy {
  readonly encoder: HubEncoder
  readonly packet: Packet
}

/** The codecs of a hub, and the messages that it sends. */
export class Encoders {
  /** Of the first codec. Every message to several peers is encoded by it, whoever is there. */
  readonly first: HubEncoder
  readonly #all: readonly HubEncoder[]
  /** Whether every message to several peers is encoded by all codecs: other processes may have sessions that use them. */
  readonly #forOthers: boolean

  /** @param codecs One at least. */
  constructor(codecs: readonly Codec[], { maxPayloadBytes, maxDepth }: Bounds, check?: Check, forOthers = false) {
    this.#forOthers = forOthers
    this.#all = codecs.map((codec) => new HubEncoder(codec, boundedBy(maxDepth, codec), maxPayloadBytes, check))
    this.first = this.#all[0] as HubEncoder // see above
  }

  /** The encoder for sessions whose hello names this codec, or none for JSON. Undefined if the hub does not have it. */
  find(name: string | undefined): HubEncoder | undefined {
    return this.#all.find(({ codec }) => codec?.name === name)
  }

  /** The encoder of the codec with this name. Undefined if the hub does not have it. */
  named(codec: string): HubEncoder | undefined {
    return this.#all.find(({ name }) => name === codec)
  }

  /** The encoders that a session uses. */
  get used(): readonly HubEncoder[] {
    return this.#all.filter(({ sessions }) => sessions > 0)
  }

  /** Tells a channel whose codec the hub does not have. */
  get refusal(): Closing {
    const names = this.#all.map(({ name }) => name).join(", ")
    return closing(
      "codec-unsupported",
      `the codecs here are ${names}: give createChannel the same, for json none`,
      false,
    )
  }

  /**
   * A message that was checked, by each codec that a session uses, except the first. Undefined if the hub has no other.
   * All are made before one is sent, so that a message that one codec cannot carry is sent to nobody.
   */
  copies(name: string, checked: unknown): readonly Copy[] | undefined {
    return this.#all.length === 1 ? undefined : this.#copies(name, checked)
  }

  /** A method of its own, so that a broadcast of a hub with one codec costs no closure. */
  #copies(name: string, checked: unknown): readonly Copy[] {
    const needed = this.#all.filter((encoder) => encoder !== this.first && (encoder.sessions > 0 || this.#forOthers))
    return needed.map((encoder) => ({ encoder, packet: encoder.encode(name, checked) }))
  }
}

/** The codec with the hub's bound on depth. Undefined for JSON, whose depth the hub bounds before it is parsed. */
function boundedBy(maxDepth: number, codec: Codec): Codec | undefined {
  if (codec.name === json.name) return undefined
  return {
    name: codec.name,
    encode: (value) => codec.encode(value),
    decode: (body: Body) => codec.decode(typeof body === "string" ? utf8(body) : body, maxDepth),
  }
}
