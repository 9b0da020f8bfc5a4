import { HEARTBEAT_FLOOR_MS, PROTOCOL_VERSION } from "./defaults.ts"
import { type Closing, type Code, closing, protocolError } from "./errors.ts"
import { BYE, HELLO, TAKE, WELCOME } from "./kinds.ts"

/** The channel's first packet on every link. */
export interface Hello {
  /** Version of the protocol. */
  readonly v: number
  /** Public id of the session, minted by the channel. */
  readonly id: string
  /** Secret key of the session: who knows it may take the session over. Never in a URL. */
  readonly key: string
  /** Number of the last packet that the channel has heard in this session. */
  readonly heard: number
  /** How much of the packet behind it the channel has heard, in units of `cutPacket`. */
  readonly part?: number | undefined
  /** Number of the last packet of the channel that the hub has acknowledged. With `heard`, tells a new session from a lost one. */
  readonly acked: number
  /** Above 0 the hello takes: the link becomes the session's current one if no later turn was obeyed. 0 only probes. */
  readonly turn: number
  /** Tells the channels apart that may present one key: a session has one holder at a time. */
  readonly holder: string
  /** The hub that welcomed this session. Any other does not know it, whatever the counters say. */
  readonly hub?: string | undefined
  /** The shortest silence the channel's network allows, where it has learned one; in milliseconds. */
  readonly speakMs?: number | undefined
  /** What the channel's clock showed when the hello left, in milliseconds. */
  readonly clock?: number | undefined
  /** Whatever `authenticate` is to judge. */
  readonly auth?: unknown
  /** Names of what the channel can do beyond this version, as they came: see `Session.agree`. */
  readonly features?: unknown
}

/** The hub's first packet on a link: the only proof that the link works. */
export interface Welcome {
  readonly v: number
  /** Public id of the peer. */
  readonly peer: string
  /** Id of this hub process, to tell a lost session from another hub behind the same address. */
  readonly hub: string
  /** Number of the last packet that the hub has heard in this session. */
  readonly heard: number
  /** How much of the packet behind it the hub has heard. */
  readonly part?: number | undefined
  /** Number of the last packet that the hub has said, where the channel has not heard it. */
  readonly said?: number | undefined
  /** What the hub's clock showed when the welcome left, in milliseconds. */
  readonly clock?: number | undefined
  /** Whether this link is now the current one: the hello took and its turn was obeyed. */
  readonly attached: boolean
  /** Whether the session existed before. */
  readonly resumed: boolean
  /** Each end speaks at least so often, in milliseconds. */
  readonly speakMs: number
  /** Each end may hang up after so long a silence, in milliseconds. */
  readonly patienceMs: number
  /** How long the hub keeps the session without a link, in milliseconds. */
  readonly resumeMs: number
  /** Largest encoded payload the hub takes. */
  readonly maxPayloadBytes: number
  /** Those features of the hello that the hub has too, as they came. */
  readonly features?: unknown
}

/** Makes a spare link the current one. */
export interface Take {
  readonly turn: number
  readonly heard: number
  readonly part?: number | undefined
}

/** A bye beside the links of a session: said by a channel that leaves and has no link on which it would arrive. */
export interface Leave {
  readonly id: string
  /** Proves that it is the session's channel. */
  readonly key: string
  /** The hub that has the session; absent where none has welcomed it. */
  readonly hub: string | undefined
  /** How much the channel has said. What is missing at the hub may still be on its way, on a link. */
  readonly said: number
  readonly why: Closing
}

type Fields = Readonly<Record<string, unknown>>

/** Writes a packet of the handshake: its kind and JSON. */
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
 * The last word on a link. A hub says who it is with it, and its age where it does not know a session; a channel whose links
 * do not work, all of `Leave`.
 */
export function writeBye(
  why: Closing,
  more?: { readonly ageMs?: number | undefined } & Partial<Omit<Leave, "why">>,
): string {
  return BYE + JSON.stringify({ ...why, ...more })
}

/** @throws EverwireError `protocol-error` on any other shape. The version is the caller's to judge, before the rest. */
export function readHello(packet: string): Hello {
  const fields = readFields(packet, HELLO)
  const { v, id, key, auth, speakMs, hub, holder, features } = fields
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
  return fields as unknown as Welcome // the figures are checked, the rest is for people or read as a flag
}

/** @throws EverwireError `protocol-error` on any other shape. */
export function readTake(packet: string): Take {
  const fields = readFields(packet, TAKE)
  return { turn: count(fields, "turn"), heard: count(fields, "heard"), part: partOf(fields) }
}

/** Why it ends, which hub says so, and its age: `NaN` where it tells none. @throws EverwireError `protocol-error` on any other shape. */
export function readBye(packet: string): { why: Closing; hub: string | undefined; ageMs: number } {
  const fields = readFields(packet, BYE)
  const { hub, ageMs } = fields
  return { why: readClosing(fields), hub: typeof hub === "string" ? hub : undefined, ageMs: Number(ageMs) }
}

/** @throws EverwireError `protocol-error` on any other shape. */
export function readLeave(packet: string): Leave {
  const fields = readFields(packet, BYE)
  const { id, key } = fields
  if (!isToken(id) || !isToken(key)) throw protocolError("a bye beside the links without a proper id and key")
  return { ...readBye(packet), id, key, said: count(fields, "said") }
}

/** A closing that came over a wire. */
export function readClosing(fields: unknown): Closing {
  const { code, reason, retryable, retryAfterMs } = (fields ?? {}) as Fields // every field is narrowed below
  return closing(
    // A newer hub may know more codes than this side; they pass through for people to read.
    (typeof code === "string" ? code.slice(0, 40) : "closed-by-peer") as Code,
    typeof reason === "string" ? reason.slice(0, 200) : "",
    retryable !== false,
    typeof retryAfterMs === "number" && retryAfterMs >= 0 ? retryAfterMs : undefined,
  )
}

/** What is written as a kind and a JSON object. @throws EverwireError `protocol-error` */
export function readFields(packet: string, kind: string): Fields {
  let fields: unknown
  try {
    fields = JSON.parse(packet.slice(1))
  } catch {
    // refused below
  }
  if (packet.charAt(0) !== kind || Object(fields) !== fields) throw protocolError(`not a "${kind}" with a JSON object`)
  return fields as Fields // an object; each field is narrowed where it is read
}

function count(fields: Fields, name: string): number {
  const value = fields[name] as number // seen here
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw protocolError(`"${name}" that is no count`)
}

/** Absent where nothing is in parts. */
function partOf(fields: Fields): number | undefined {
  return fields["part"] === undefined ? undefined : count(fields, "part")
}

/** Ids and keys: 128 bits or more in URL-safe characters, and short enough to index by. */
function isToken(value: unknown): value is string {
  return typeof value === "string" && /^[\w-]{22,64}$/.test(value)
}
