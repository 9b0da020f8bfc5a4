import { callSafely } from "../kernel/call-safely.ts"
import type { Alarm, Flushable, Slot } from "../kernel/clockwork.ts"
import { type Batch, decodeBatch, type Packet, sizeOf } from "../kernel/codec.ts"
import { HELLO_DEADLINE_MS, MAX_HELLO_BYTES, PROTOCOL_VERSION } from "../kernel/defaults.ts"
import { type Closing, closing, EverwireError, protocolError, wordsOf } from "../kernel/errors.ts"
import { type Hello, readHello, readLeave, writeBye, writeWelcome } from "../kernel/handshake.ts"
import type { Link, LinkSink } from "../kernel/link.ts"
import type { LinkOrigin } from "../transports/transport.ts"
import { Entry, type EntryHost, saidByPeer } from "./entry.ts"
import type { Principal } from "./peer.ts"
import type { Refusal } from "./refusals.ts"
import type { Registry } from "./registry.ts"

/** What is judged when a link says hello. */
export interface Credentials {
  /** What the channel's `auth` gave; `undefined` when it has none. */
  readonly auth: unknown
  /** The request that opened the link. */
  readonly origin: LinkOrigin
}

/**
 * Says who it is, `null` to refuse. A promise may be given; a throw refuses, with the message of an EverwireError. It has
 * five seconds from when the link opened: then `onError` hears a `timeout`, and the channel tries again.
 */
export type Authenticate<P extends Principal = Principal> = (
  credentials: Credentials,
) => P | null | PromiseLike<P | null>

/** What admission needs of its hub. */
export interface AdmissionHost extends EntryHost {
  /** When this hub began, by its own clock. */
  readonly startedAt: number
  readonly registry: Registry
  readonly authenticate: Authenticate | undefined
  readonly resumeMs: number
  readonly maxUnwelcomedLinks: number
  /** What an honest session never lets wait on a link, in bytes: whoever lets more pile up asks and does not listen. */
  readonly maxLinkBytes: number
  /** Why nobody is let in now. */
  closing(): Closing | undefined
  /** A session has begun: before its first link is attached, so that what the application says at once goes first. */
  began(entry: Entry): void
  report(error: unknown): void
  /** A link was refused, or ended because of what came on it. */
  refused(refusal: Refusal): void
}

type State =
  | { readonly stage: "waiting"; readonly origin: LinkOrigin }
  | { readonly stage: "judging"; readonly origin: LinkOrigin; readonly later: Packet[]; bytes: number }
  | { readonly stage: "admitted"; readonly entry: Entry }
  | { readonly stage: "closed" }

const ANONYMOUS: Principal = { id: "" }
const OVER_CAPACITY = closing("over-capacity", "too many links are waiting to be welcomed")

/** The links of a hub that have not been welcomed. */
export class Unwelcomed {
  readonly #gates = new Set<Gate>()

  get count(): number {
    return this.#gates.size
  }
  add(gate: Gate): void {
    this.#gates.add(gate)
  }
  delete(gate: Gate): void {
    this.#gates.delete(gate)
  }
  /** Nobody is let in any more. */
  refuseAll(why: Closing): void {
    for (const gate of [...this.#gates]) gate.refuse(why)
  }
}

/** Judges a link's hello, then passes everything on to the session that it belongs to. */
export class Gate implements LinkSink, Alarm, Flushable {
  readonly #host: AdmissionHost
  readonly #unwelcomed: Unwelcomed
  readonly #link: Link
  #state: State
  /** The hello must have been judged by then. */
  slot: Slot | undefined

  constructor(host: AdmissionHost, unwelcomed: Unwelcomed, link: Link, origin: LinkOrigin) {
    this.#host = host
    this.#unwelcomed = unwelcomed
    this.#link = link
    this.#state = { stage: "waiting", origin }
    unwelcomed.add(this)
    host.clockwork.flushSoon(this)
  }

  /** The tick in which the link opened is over: a hello that came with it has been heard, and the acceptor has its sink. */
  flushNow(): void {
    const { stage } = this.#state
    if (stage === "waiting" && this.#unwelcomed.count > this.#host.maxUnwelcomedLinks) return this.refuse(OVER_CAPACITY)
    const { clockwork } = this.#host
    if (stage === "waiting" || stage === "judging") clockwork.set(this, clockwork.now() + HELLO_DEADLINE_MS)
  }

  ring(): void {
    const isJudging = this.#state.stage === "judging"
    const what = isJudging ? "authenticate did not answer" : "no hello came"
    const reason = `${what} within ${HELLO_DEADLINE_MS} ms`
    if (isJudging) this.#host.report(new EverwireError("timeout", reason, { retryable: true }))
    this.refuse(closing("hello-timeout", reason))
  }

  batch(batch: Batch): void {
    const state = this.#state
    try {
      switch (state.stage) {
        case "waiting":
          return this.#hello(batch, state)
        case "judging":
          state.bytes += sizeOf(batch)
          if (state.bytes > MAX_HELLO_BYTES) throw new EverwireError("too-large", "too much before the welcome")
          state.later.push(...decodeBatch(batch))
          return
        case "admitted":
          if (this.#link.bufferedBytes > this.#host.maxLinkBytes) {
            throw new EverwireError("buffer-full", "more was asked than is listened to")
          }
          return state.entry.session.hear(this.#link, decodeBatch(batch))
        case "closed":
      }
    } catch (error) {
      this.#broke(error)
    }
  }

  closed(why: Closing): void {
    const state = this.#leave()
    if (state.stage === "admitted") state.entry.linkClosed(this.#link, why)
    // The socket itself refuses a message that is too large, before it is heard here.
    if (why.code === "too-large") this.#tell(state, why)
  }

  writable(): void {
    if (this.#state.stage === "admitted") this.#state.entry.session.writable(this.#link)
  }

  acknowledgement(): Batch | undefined {
    return this.#state.stage === "admitted" ? this.#state.entry.session.acknowledgement(this.#link) : undefined
  }

  #hello(batch: Batch, { origin }: Extract<State, { stage: "waiting" }>): void {
    if (sizeOf(batch) > MAX_HELLO_BYTES) throw new EverwireError("too-large", "the hello is too large")
    const [first, ...later] = decodeBatch(batch)
    if (typeof first !== "string") throw protocolError("the first packet is no hello")
    const hello = readHello(first)
    if (hello.v !== PROTOCOL_VERSION) {
      return this.refuse(closing("version-unsupported", `this hub speaks version ${PROTOCOL_VERSION}`, false))
    }
    const heardAt = this.#host.clockwork.now()
    const why = this.#unwelcomed.count > this.#host.maxUnwelcomedLinks ? OVER_CAPACITY : this.#host.closing()
    if (why !== undefined) return this.refuse(why)
    const judging: State = { stage: "judging", origin, later, bytes: sizeOf(batch) }
    this.#state = judging
    const { authenticate } = this.#host
    if (authenticate === undefined) return this.#admit(hello, heardAt, origin, ANONYMOUS, later)
    const judge = (principal: unknown): void => {
      const isKnown = isPrincipal(principal) // its getters are the application's: what they throw goes to `refuse`
      if (this.#state !== judging) return // it has been closed, or its deadline has passed
      // Neither somebody nor a refusal, as where a database's ids are numbers: nobody else would tell.
      if (!isKnown && principal) {
        const wanted = 'authenticate gives a principal, { id: "a text" }, or null to refuse'
        this.#host.report(new EverwireError("misuse", `${wanted}; given: ${describe(principal)}`))
      }
      if (!isKnown) return this.refuse(closing("unauthorized", "the credentials were refused", false))
      try {
        this.#admit(hello, heardAt, origin, principal, later)
      } catch (error) {
        this.#broke(error)
      }
    }
    const refuse = (error: unknown): void => {
      const isOurs = wordsOf(error).startsWith("EverwireError")
      if (!isOurs) this.#host.report(error)
      if (this.#state !== judging) return
      if (isOurs) {
        const { message, retryable } = error as EverwireError // of whichever copy of the class
        return this.refuse(closing("unauthorized", message, retryable))
      }
      // Not the credentials failed but whoever judges them, and that may pass.
      this.refuse(closing("unauthorized", "the credentials could not be judged"))
    }
    callSafely(() => authenticate({ auth: hello.auth, origin }), refuse, judge)
  }

  #admit(
    hello: Hello,
    heardAt: number,
    { address = "" }: LinkOrigin,
    principal: Principal,
    later: readonly Packet[],
  ): void {
    if (hello.hub !== undefined && hello.hub !== this.#host.hub) {
      // Even if a stray hello has begun a session of this id here: what it carried is another hub's to know.
      return this.refuse(closing("session-unknown", "another hub has the session"))
    }
    const known = this.#host.registry.find(hello.id)
    if (known !== undefined && (!sameKey(known.key, hello.key) || known.principal.id !== principal.id)) {
      return this.refuse(closing("session-forbidden", "this session belongs to somebody else", false))
    }
    const entry = known ?? this.#begin(hello, address, principal)
    if (entry === undefined) return
    this.#leave()
    this.#state = { stage: "admitted", entry }
    if (hello.turn > 0 || known === undefined) entry.heldBy(hello.holder)
    const attached = hello.turn > entry.turn
    const speakMs = Math.min(this.#host.settings.speakMs, hello.speakMs ?? Number.POSITIVE_INFINITY)
    const welcome = writeWelcome({
      v: PROTOCOL_VERSION,
      peer: entry.peer.id,
      hub: this.#host.hub,
      heard: entry.session.heard,
      part: entry.session.part,
      said: entry.session.said > hello.heard ? entry.session.said : undefined,
      clock: Math.floor(this.#host.clockwork.now()),
      attached,
      resumed: known !== undefined,
      speakMs,
      patienceMs: this.#host.settings.patienceMs,
      resumeMs: this.#host.resumeMs,
      maxPayloadBytes: this.#host.maxPayloadBytes,
    })
    // Alone, before any data: on a slow link the channel would hear of it only when all of that has come.
    this.#link.send(welcome)
    if (attached) {
      entry.session.clocked(hello.clock, heardAt)
      entry.attach(this.#link, hello, hello.turn)
      if (speakMs < this.#host.settings.speakMs) entry.session.configure({ speakMs })
    } else {
      entry.spare(this.#link, hello.holder)
      if (known === undefined) entry.detached()
    }
    if (later.length > 0) entry.session.hear(this.#link, later)
  }

  #begin(hello: Hello, address: string, principal: Principal): Entry | undefined {
    const { registry } = this.#host
    const ended = registry.endedWhy(hello.id, hello.key)
    if (ended !== undefined) {
      this.refuse(ended)
      return undefined
    }
    if (hello.heard > 0 || hello.acked > 0 || hello.hub !== undefined) {
      this.refuse(closing("session-unknown", "this hub does not know the session"))
      return undefined
    }
    const full = registry.refusal(address)
    if (full !== undefined) {
      this.refuse(full)
      return undefined
    }
    const entry = new Entry(this.#host, hello.id, hello.key, principal, address)
    registry.add(entry)
    this.#host.began(entry)
    if (entry.session.ended) {
      // `onPeer` closed it: its channel is told as any other that comes too late.
      this.refuse(registry.endedWhy(hello.id, hello.key) ?? closing("closed-by-peer", "closed by the hub", false))
      return undefined
    }
    return entry
  }

  /** Something that the protocol does not allow, or a bug: either way only this link ends. */
  #broke(error: unknown): void {
    if (!(error instanceof EverwireError)) this.#host.report(error)
    const { code, message } =
      error instanceof EverwireError
        ? error
        : { code: "protocol-error" as const, message: "the hub could not take this" }
    const state = this.#state
    // The next link would bring the same again.
    if (code === "too-large" && state.stage === "admitted") return state.entry.end(closing(code, message, false))
    this.refuse(closing(code, message))
  }

  /** Ends the link with a last word. */
  refuse(why: Closing): void {
    if (this.#state.stage === "closed") return
    const state = this.#leave()
    const { hub, clockwork, startedAt } = this.#host
    // A hub that has begun since the channel last heard from its own is most likely that one, restarted.
    const tellsAge = why.code === "session-unknown"
    this.#link.send(writeBye(why, hub, tellsAge ? Math.max(0, clockwork.now() - startedAt) : undefined))
    this.#link.close(why)
    if (state.stage === "admitted") state.entry.linkClosed(this.#link)
    this.#tell(state, why)
  }

  /** Tells the hub's owner who was refused, when all is done: a listener may close the hub. */
  #tell(state: State, { code, reason }: Closing): void {
    const transport = this.#link.name
    if (state.stage === "closed") return
    if (state.stage === "admitted") {
      const address = state.entry.address || undefined
      return this.#host.refused({ code, reason, stage: "session", transport, address, origin: undefined })
    }
    const { address, header } = state.origin
    const isJudgement = state.stage === "judging" && (code === "unauthorized" || code === "hello-timeout")
    const stage = isJudgement ? "authenticate" : "hello"
    this.#host.refused({ code, reason, stage, transport, address, origin: header("origin") })
  }

  #leave(): State {
    const state = this.#state
    if (state.stage === "waiting" || state.stage === "judging") {
      this.#host.clockwork.clear(this)
      this.#unwelcomed.delete(this)
    }
    this.#state = { stage: "closed" }
    return state
  }
}

/**
 * Hears the bye of a channel that had no link on which it would arrive. The key is the proof, as in a hello; credentials are
 * not judged again. Returns why it is refused, if it is.
 *
 * @throws EverwireError `protocol-error` when it is no such bye.
 */
export function hearLeave({ hub, registry }: AdmissionHost, packet: string): Closing | undefined {
  const leave = readLeave(packet)
  if (leave.hub !== undefined && leave.hub !== hub) return closing("session-unknown", "another hub has the session")
  const why = saidByPeer(leave.why)
  const entry = registry.find(leave.id)
  if (entry === undefined) {
    // What a hub has welcomed and does not know any more has ended there.
    if (leave.hub === undefined) registry.left(leave.id, leave.key, why)
  } else if (sameKey(entry.key, leave.key)) entry.leave(why, leave.said)
  else return closing("session-forbidden", "this session belongs to somebody else", false)
  return undefined
}

/** What `authenticate` gave in place of a principal. Its values may be secrets. */
function describe(given: unknown): string {
  if (typeof given !== "object") return typeof given
  return "id" in Object(given) ? `an id that is a ${typeof (given as Principal).id}` : "an object without id"
}

/** Whether `authenticate` said who it is. What an untyped one may give instead (`undefined`, `false`) lets nobody in. */
function isPrincipal(given: unknown): given is Principal {
  return typeof (given as Principal | null | undefined)?.id === "string"
}

/** Compares in constant time for keys of one length: how long it takes tells nothing about where they differ. */
function sameKey(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i % other.length)
  return difference === 0
}
