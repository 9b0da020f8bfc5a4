import { HEARTBEAT_FLOOR_MS, PROTOCOL_VERSION } from "./defaults.ts"
import { type Closing, type Code, closing, protocolError } from "./errors.ts"
import { BYE, CREDENTIALS, HELLO, TAKE, WELCOME } from "./kinds.ts"
import { readCount } from "./packet.ts"

/** The first packet that the channel sends on every link. */
export interface Hello {
  /** Version of the protocol. */
  readonly v: number
  /** Public id of the session. The channel makes it. */
  readonly id: string
  /** Secret key of the session: with it a client can take the session over. It never stands in a URL. */
  readonly key: string
  /** Number of the last packet of this session that the channel has received. */
  readonly heard: number
  /** How much of the next packet the channel has received, if that comes in parts. In units of `cutPacket`. */
  readonly part?: number | undefined
  /**
   * Number of the channel's last packet that the hub has acknowledged. With `heard`, the hub tells a new session from a
   * lost one.
   */
  readonly acked: number
  /**
   * Above 0: the link becomes the session's current one, unless the hub has obeyed a higher turn. 0: the hello only
   * probes.
   */
  readonly turn: number
  /** Distinguishes channels that present the same key. A session has one holder at a time. */
  readonly holder: string
  /**
   * Id of the hub that welcomed this session. Another hub answers that it does not know it, whatever the counters say.
   */
  readonly hub?: string | undefined
  /** The longest silence that the channel's network allows, if it has learned one. In milliseconds. */
  readonly speakMs?: number | undefined
  /** The channel's clock when the hello was sent, in milliseconds. */
  readonly clock?: number | undefined
  /** The credentials that `authenticate` judges. */
  readonly auth?: unknown
  /** Name of the codec of the session's payloads. Undefined: JSON. */
  readonly codec?: string | undefined
  /** Names of the channel's abilities beyond this version, not checked yet: see `Session.agree`. */
  readonly features?: unknown
}

/** The first packet that the hub sends on a link. Only this proves that the link works. */
export interface Welcome {
  readonly v: number
  /** Public id of the peer. */
  readonly peer: string
  /** Id of this hub process. By it the channel tells a lost session from another hub behind the same address. */
  readonly hub: string
  /** Number of the last packet of this session that the hub has received. */
  readonly heard: number
  /** How much of the next packet the hub has received, if that comes in parts. */
  readonly part?: number | undefined
  /** Number of the last packet that the hub has sent, if the channel has not received all. */
  readonly said?: number | undefined
  /** The hub's clock when the welcome was sent, in milliseconds. */
  readonly clock?: number | undefined
  /** Whether this link is the current one from now on: the hello had a turn, and the hub obeyed it. */
  readonly attached: boolean
  /** Whether the hub had the session already. */
  readonly resumed: boolean
  /** Whether the hub has the session from another one, which the hello may name. */
  readonly moved?: boolean | undefined
  /** Each end sends at least this often, in milliseconds. */
  readonly speakMs: number
  /** Each end may close the link after this much silence, in milliseconds. */
  readonly patienceMs: number
  /** How long the hub keeps the session without a link, in milliseconds. */
  readonly resumeMs: number
  /** Largest encoded payload that the hub takes, in bytes. */
  readonly maxPayloadBytes: number
  /** The codec of the hello. A hub that knows nothing of codecs leaves it out. */
  readonly codec?: string | undefined
  /** Those features of the hello that the hub has too, not checked yet. */
  readonly features?: unknown
}

/** Makes a welcomed link the current one. */
export interface Take {
  readonly turn: number
  readonly heard: number
  readonly part?: number | undefined
}

/** A bye without a link, from a channel that closes and has no link on which a bye would arrive. */
export interface Leave {
  readonly id: string
  /** Proves that the sender is the session's channel. */
  readonly key: string
  /** Id of the hub that has the session. Undefined if none has welcomed it. */
  readonly hub: string | undefined
  /** How many packets the channel has sent. Those that the hub does not have yet may still arrive on a link. */
  readonly said: number
  readonly why: Closing
}

/**
 * Why credentials are asked for. `connect`: for the hello of a link. `expiring`: the link works, and the principal that the
 * last credentials proved expires soon.
 */
export type AuthReason = "connect" | "expiring"

/** Credentials that the hub has asked for on a link that works. */
export interface FreshCredentials {
  /** Number of the hub's question, counted from 1 in each session. */
  readonly question: number
  readonly auth: unknown
}

type Fields = Readonly<Record<string, unknown>>

/** These write a packet of the handshake: its kind, then JSON. */
export function writeHello(hello: Hello): string {
  return HELLO + JSON.stringify(hello)
}
export function writeWelcome(welcome: Welcome): string {
  return WELCOME + JSON.stringify(welcome)
}
export function writeTake(take: Take): string {
  return TAKE + JSON.stringify(take)
}
/**
 * Writes a bye, the last packet on a link. A hub adds its id, and its age if it does not know the session. If it ends the
 * session, it adds `heard`, the number of the last packet that it has received. A channel that has no working link adds
 * all fields of `Leave`.
 */
export function writeBye(
  why: Closing,
  more?: { readonly ageMs?: number | undefined; readonly heard?: number } & Partial<Omit<Leave, "why">>,
): string {
  return BYE + JSON.stringify({ ...why, ...more })
}

/**
 * @throws EverwireError `protocol-error` on any other shape. If the version is another, only `v` is read: the caller
 * judges it.
 */
export function readHello(packet: string): Hello {
  const fields = readFields(packet, HELLO)
  const { v, id, key, auth, speakMs, hub, holder, codec, features } = fields
  if (v !== PROTOCOL_VERSION)
    return { v: typeof v === "number" ? v : 0, id: "", key: "", heard: 0, acked: 0, turn: 0, holder: "" }
  if (!isToken(id) || !isToken(key)) throw protocolError("a hello without a proper id and key")
  return {
    v,
    id,
    key,
    heard: count(fields, "heard"),
    part: partOf(fields),
    acked: count(fields, "acked"),
    turn: count(fields, "turn"),
    clock: fields["clock"] === undefined ? undefined : count(fields, "clock"),
    auth,
    // What is no text names no codec that a hub has.
    codec: codec === undefined || typeof codec === "string" ? codec : "",
    features,
    hub: typeof hub === "string" ? hub : undefined,
    holder: isToken(holder) ? holder : "",
    speakMs:
      Number.isSafeInteger(speakMs) && (speakMs as number) >= HEARTBEAT_FLOOR_MS ? (speakMs as number) : undefined,
  }
}

/** @throws EverwireError `protocol-error` on any other shape. */
export function readWelcome(packet: string): Welcome {
  const fields = readFields(packet, WELCOME)
  for (const name of ["heard", "speakMs", "patienceMs", "maxPayloadBytes"]) count(fields, name)
  for (const name of ["part", "said", "clock"]) if (name in fields) count(fields, name)
  return fields as unknown as Welcome // numbers are checked; other fields are shown to people or read as booleans
}

/** @throws EverwireError `protocol-error` on any other shape. */
export function readTake(packet: string): Take {
  const fields = readFields(packet, TAKE)
  return { turn: count(fields, "turn"), heard: count(fields, "heard"), part: partOf(fields) }
}

/**
 * Reads why the link ends, the id of the hub that says so, and the hub's age (`NaN` if absent). @throws EverwireError
 * `protocol-error` on any other shape.
 */
export function readBye(packet: string): { why: Closing; hub: string | undefined; ageMs: number; heard: number } {
  const fields = readFields(packet, BYE)
  const { hub, ageMs, heard } = fields
  return {
    why: readClosing(fields),
    hub: typeof hub === "string" ? hub : undefined,
    ageMs: Number(ageMs),
    heard: Number(heard), // NaN: the bye does not end the session
  }
}

/** @throws EverwireError `protocol-error` on any other shape. */
export function readLeave(packet: string): Leave {
  const fields = readFields(packet, BYE)
  const { id, key } = fields
  if (!isToken(id) || !isToken(key)) throw protocolError("a bye beside the links without a proper id and key")
  return { ...readBye(packet), id, key, said: count(fields, "said") }
}

/** Reads credentials that a channel sent because it was asked. @throws EverwireError `protocol-error` on any other shape. */
export function readCredentials(packet: string): FreshCredentials {
  const [question = "", json] = packet.slice(1).split("\t", 2)
  const { auth } = readFields(CREDENTIALS + json, CREDENTIALS)
  return { question: readCount(question), auth }
}

/** Reads a closing that the other side sent. Fields that are missing or wrong get a default. */
export function readClosing(fields: unknown): Closing {
  const { code, reason, retryable, retryAfterMs } = (fields ?? {}) as Fields // every field is narrowed below
  return closing(
    // A newer hub may have codes that this side does not know. They are kept, for people to read.
    (typeof code === "string" ? code.slice(0, 40) : "closed-by-peer") as Code,
    typeof reason === "string" ? reason.slice(0, 200) : "",
    retryable !== false,
    typeof retryAfterMs === "number" && retryAfterMs >= 0 ? retryAfterMs : undefined,
  )
}

/** Reads a packet that is a kind and a JSON object. @throws EverwireError `protocol-error` */
export function readFields(packet: string, kind: string): Fields {
  let fields: unknown
  try {
    fields = JSON.parse(packet.slice(1))
  } catch {
    // `fields` stays undefined, and the check below throws
  }
  if (packet.charAt(0) !== kind || Object(fields) !== fields) throw protocolError(`not a "${kind}" with a JSON object`)
  return fields as Fields // an object; each field is checked where it is read
}

function count(fields: Fields, name: string): number {
  const value = fields[name] as number // checked below
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw protocolError(`"${name}" that is no count`)
}

/** Undefined if no packet is received in part. */
function partOf(fields: Fields): number | undefined {
  return fields["part"] === undefined ? undefined : count(fields, "part")
}

/**
 * Whether a value may be an id or a key: at least 128 bits in URL-safe characters, and at most 64 of them, so it can be
 * a map's key.
 */
function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{22,64}$/.test(value)
}
