import { callSafely } from "../../session/call-safely.ts"
import type { Alarm, Flushable, Slot } from "../../session/clockwork.ts"
import type { Link, LinkSink } from "../../session/link.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import { type Batch, decodeBatch, isLarger, type Packet, sizeOf } from "../../wire/batch.ts"
import { HELLO_DEADLINE_MS, LINK_BUFFER_BYTES, MAX_HELLO_BYTES, PROTOCOL_VERSION } from "../../wire/defaults.ts"
import { type Closing, closing, EverwireError, protocolError, wordsOf } from "../../wire/errors.ts"
import { type Hello, readHello, readLeave, writeBye, writeWelcome } from "../../wire/handshake.ts"
import { isPart } from "../../wire/kinds.ts"
import { kindOf } from "../../wire/packet.ts"
import { rateLimited, spent, waitMs } from "../limits/allowance.ts"
import { Backlog, isOnePacket } from "../limits/backlog.ts"
import type { Slices, Worker } from "../limits/slices.ts"
import { isNotTaken } from "../limits/taking.ts"
import type { Principal } from "../peer.ts"
import { Entry, type EntryHost, saidByPeer } from "../sessions/hub-session.ts"
import type { Registry } from "../sessions/registry.ts"
import type { Judges } from "./judges.ts"
import type { Sites } from "./sites.ts"

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
  /** What an honest session never lets wait on a link, in bytes: whoever lets more pile up asks and does not listen. */
  readonly maxLinkBytes: number
  /** Divides the time among peers. */
  readonly slices: Slices
  readonly sites: Sites
  readonly judges: Judges
  /** Why nobody is let in now. */
  closing(): Closing | undefined
  /** A session has begun: before its first link is attached, so that what the application says at once goes first. */
  began(entry: Entry): void
  report(error: unknown): void
}

type State =
  | { readonly stage: "waiting"; readonly origin: LinkOrigin }
  | { readonly stage: "judging"; readonly origin: LinkOrigin; readonly later: Packet[]; bytes: number }
  | { readonly stage: "admitted"; readonly entry: Entry }
  | { readonly stage: "closed" }

const ANONYMOUS: Principal = { id: "" }

/** Packets of so few bytes together are heard in one go; more of them one by one, as far as the time of the peer goes. */
const SMALL_BATCH = 128
/** A link whose peer does too much, and goes on whenever it may, for so long is closed. */
const OVER_MS = 3_000
/** Whoever then does nothing for so long has made a pause. */
const PAUSE_MS = 1_000
/** A link over HTTP on which more waits than a batch is to bring no more for so long. */
const FULL_WAIT_MS = 1_000
/** Whoever has to wait waits so long at least: then some packets go on together. */
const LEAST_WAIT_MS = 20

const OVER_CAPACITY = closing("over-capacity", "too many links are waiting to be welcomed")

const OVER_SHARE = closing("over-capacity", "too many links of this address are waiting to be welcomed")

/** The links of a hub that have not been welcomed. */
export class Unwelcomed {
  readonly #gates = new Set<Gate>()
  readonly #perSite = new Map<string, number>()
  readonly #most: number
  readonly #mostPerSite: number

  /** Those whose session is not known, and which may bring another hello. Counted apart: a herd of them keeps nobody out. */
  readonly disowned: Unwelcomed | undefined

  /** So many at most, and of one address or network; and as many that are disowned. */
  constructor(most: number, mostPerSite: number, isDisowned = false) {
    this.#most = most
    this.#mostPerSite = mostPerSite
    this.disowned = isDisowned ? undefined : new Unwelcomed(most, mostPerSite, true)
  }

  get size(): number {
    return this.#gates.size + (this.disowned?.size ?? 0)
  }
  /** `site` is what the link is counted by beside all others; empty where it is not. */
  add(gate: Gate, site: string): void {
    this.#gates.add(gate)
    if (site !== "") this.#perSite.set(site, (this.#perSite.get(site) ?? 0) + 1)
  }
  delete(gate: Gate, site: string): void {
    if (!this.#gates.delete(gate) || site === "") return
    const left = (this.#perSite.get(site) ?? 1) - 1
    if (left > 0) this.#perSite.set(site, left)
    else this.#perSite.delete(site)
  }
  /** Why one that is among them has to go. */
  refusal(site: string): Closing | undefined {
    if (this.#gates.size > this.#most) return OVER_CAPACITY
    return (this.#perSite.get(site) ?? 0) > this.#mostPerSite ? OVER_SHARE : undefined
  }
  /** Nobody is let in any more. */
  refuseAll(why: Closing): void {
    for (const gate of [...this.#gates]) gate.refuse(why)
    this.disowned?.refuseAll(why)
  }
}

/** Judges a link's hello, then passes everything on to the session that it belongs to. */
export class Gate implements LinkSink, Alarm, Flushable, Worker {
  readonly #host: AdmissionHost
  /** Those that it is counted among until it is welcomed. */
  #unwelcomed: Unwelcomed
  readonly #link: Link
  #state: State
  /** What it is counted by until it is welcomed. */
  readonly #site: string
  /** The hello must have been judged by then; or what waits may go on then. */
  slot: Slot | undefined
  /** What has come on the link and waits for its turn. */
  #backlog: Backlog | undefined
  /** The bytes of that, as they were counted last. */
  #waitingBytes = 0
  /** Since when, and until when, the peer has done too much without a pause. */
  #over: { readonly since: number; readonly until: number } | undefined

  constructor(host: AdmissionHost, unwelcomed: Unwelcomed, link: Link, origin: LinkOrigin) {
    this.#host = host
    this.#unwelcomed = unwelcomed
    this.#link = link
    this.#state = { stage: "waiting", origin }
    this.#site = host.registry.siteOf(origin.address ?? "")
    unwelcomed.add(this, this.#site)
    host.clockwork.flushSoon(this)
  }

  /** The tick in which the link opened is over: a hello that came with it has been heard, and the acceptor has its sink. */
  flushNow(): void {
    const { stage } = this.#state
    const why = stage === "waiting" ? this.#unwelcomed.refusal(this.#site) : undefined
    if (why !== undefined) return this.refuse(why)
    const { clockwork } = this.#host
    if (stage === "waiting" || stage === "judging") clockwork.set(this, clockwork.now() + HELLO_DEADLINE_MS)
  }

  ring(): void {
    if (this.#state.stage === "admitted") return this.#host.slices.add(this)
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
          if (isLarger(batch, MAX_HELLO_BYTES - state.bytes))
            throw new EverwireError("too-large", "too much before the welcome")
          state.bytes += sizeOf(batch)
          state.later.push(...decodeBatch(batch))
          return
        case "admitted":
          this.#checkListens(state.entry)
          return this.#hear(state.entry, batch)
        case "closed":
      }
    } catch (error) {
      this.#broke(error)
    }
  }

  /** @throws EverwireError `buffer-full` */
  #checkListens({ session }: Entry): void {
    const link = this.#link
    // A spare link is sent nothing but answers to probes.
    if (link.bufferedBytes > (session.link === link ? this.#host.maxLinkBytes : LINK_BUFFER_BYTES)) {
      throw new EverwireError("buffer-full", "more was asked than is listened to")
    }
  }

  /** Hears it now, if it is little and nothing of the link waits; else it waits with the rest. */
  #hear(entry: Entry, batch: Batch): void {
    const { slices, clockwork } = this.#host
    const now = clockwork.now()
    if (this.#backlog !== undefined) {
      this.#backlog.add(batch)
      this.#count(entry)
      // A transport that cannot be stopped.
      if (this.#backlog.bytes > 2 * this.#host.maxLinkBytes) {
        throw new EverwireError("rate-limited", "more was sent than can be worked on")
      }
      return
    }
    const isLittle = sizeOf(batch) <= SMALL_BATCH || isOnePacket(batch)
    if (isLittle && slices.mayGoOn(entry, now) && entry.mayDo(now)) {
      const packets = decodeBatch(batch)
      this.#pass(entry, packets, sizeOf(batch), now)
      return slices.used(packets.length, now, clockwork.now())
    }
    this.#backlog = new Backlog()
    entry.backlogs++
    this.#backlog.add(batch)
    this.#count(entry)
    if (this.#work(entry)) slices.add(this)
  }

  /** For the slices: works on what waits. */
  work(): boolean {
    const state = this.#state
    if (state.stage !== "admitted") return false
    try {
      return this.#work(state.entry)
    } catch (error) {
      this.#broke(error)
      return false
    }
  }

  #work(entry: Entry): boolean {
    const { slices, clockwork } = this.#host
    let now = clockwork.now()
    while (this.#backlog !== undefined) {
      if (!entry.has(this.#link)) {
        // The hub has closed the link.
        this.#idle(entry)
        break
      }
      if (!entry.mayDo(now)) {
        this.#wait(entry, now)
        return false
      }
      if (!slices.mayGoOn(entry, now)) return true
      this.#checkListens(entry)
      const packets = this.#backlog.take()
      this.#count(entry)
      if (packets === undefined) {
        this.#idle(entry)
        break
      }
      const from = now
      ownParts(packets)
      let bytes = 0
      for (const packet of packets) bytes += sizeOf(packet)
      this.#pass(entry, packets, bytes, now)
      now = clockwork.now()
      slices.used(packets.length, from, now)
    }
    return false
  }

  /** The peer, or its address, does too much: the rest goes on when that may be. */
  #wait(entry: Entry, now: number): void {
    const { clockwork } = this.#host
    const until = now + Math.max(LEAST_WAIT_MS, entry.waitMs(now))
    const { since, until: before } = this.#over ?? { since: now, until: now }
    const isPaused = now - before > PAUSE_MS
    this.#over = { since: isPaused ? now : since, until }
    if (!isPaused && now - since >= OVER_MS) {
      return this.refuse(rateLimited("too much was sent for too long", OVER_MS))
    }
    clockwork.set(this, until)
  }

  /** Nothing waits any more. */
  #idle(entry: Entry): void {
    const backlog = this.#backlog
    this.#backlog = undefined
    this.#count(entry)
    entry.backlogs--
    if (backlog?.ended !== undefined) this.closed(backlog.ended)
    for (const run of backlog?.whenIdle ?? []) this.#host.runtime.soon(run)
  }

  get isBusy(): boolean {
    return this.#backlog !== undefined
  }

  whenIdle(run: () => void): void {
    if (this.#backlog === undefined) this.#host.runtime.soon(run)
    else this.#backlog.whenIdle.push(run)
  }

  exchanged(): number {
    const state = this.#state
    if (state.stage !== "admitted") return 0
    const isFull = (this.#backlog?.bytes ?? 0) > this.#host.maxLinkBytes / 2
    const ms = isFull ? FULL_WAIT_MS : state.entry.exchanged()
    if (ms > 0) this.#tell(state, rateLimited("too many requests, or more than can be worked on", ms))
    return ms
  }

  closed(why: Closing): void {
    if (this.#backlog !== undefined) {
      // What came before the end is heard before the end.
      this.#backlog.ended = why
      return
    }
    const state = this.#leave()
    if (state.stage === "admitted") state.entry.linkClosed(this.#link, why)
    // The socket itself refuses a message that is too large, and cuts off who does not read, before it is heard here.
    if (why.code === "too-large" || isNotTaken(why)) this.#tell(state, why)
  }

  writable(): void {
    if (this.#state.stage === "admitted") this.#state.entry.linkWritable(this.#link)
  }

  acknowledgement(): Batch | undefined {
    return this.#state.stage === "admitted" ? this.#state.entry.session.acknowledgement(this.#link) : undefined
  }

  /** For the session. What it may keep of it is counted. */
  #pass(entry: Entry, packets: Packet[], bytes: number, now: number): void {
    const { session } = entry
    entry.did(packets.length, bytes, now)
    session.hear(this.#link, packets, now)
    if (session.part !== undefined) this.keeps(2 * bytes)
    if (session.link !== this.#link) this.keeps(this.#link.bufferedBytes)
  }

  /** What waits is counted among what is kept for the peer. */
  #count(entry: Entry): void {
    const bytes = this.#backlog?.bytes ?? 0
    const grown = bytes - this.#waitingBytes
    entry.waitingBytes += grown
    this.#waitingBytes = bytes
    if (grown > 0) this.keeps(grown)
  }

  refused(why: Closing): void {
    this.#tell(this.#state, why)
  }

  overflowed(): void {
    this.#broke(new EverwireError("too-large", "the hello is too large"))
  }

  keeps(bytes: number): void {
    this.#host.kept.grow(bytes)
  }

  #hello(batch: Batch, { origin }: Extract<State, { stage: "waiting" }>): void {
    if (isLarger(batch, MAX_HELLO_BYTES)) throw new EverwireError("too-large", "the hello is too large")
    const [first, ...later] = decodeBatch(batch)
    if (typeof first !== "string") throw protocolError("the first packet is no hello")
    const hello = readHello(first)
    if (hello.v !== PROTOCOL_VERSION) {
      return this.refuse(closing("version-unsupported", `this hub speaks version ${PROTOCOL_VERSION}`, false))
    }
    const heardAt = this.#host.clockwork.now()
    const why = this.#unwelcomed.refusal(this.#site) ?? this.#leaving(hello)
    if (why !== undefined) return this.refuse(why)
    const site = this.#host.sites.at(origin.address)
    const tooSoonMs = site === undefined ? 0 : waitMs(site.hellosUntil, heardAt)
    if (tooSoonMs > 0) return this.refuse(rateLimited("too many hellos from this address", tooSoonMs))
    if (site !== undefined) site.hellosUntil = spent(site.hellosUntil, this.#host.costs.hello, heardAt)
    const judging: State = { stage: "judging", origin, later, bytes: sizeOf(batch) }
    this.#state = judging
    const { authenticate } = this.#host
    if (authenticate === undefined) return this.#admit(hello, heardAt, origin, ANONYMOUS, later)
    const busyMs = this.#host.judges.count()
    if (busyMs > 0) return this.refuse(rateLimited("too many hellos for the hub to judge", busyMs))
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
    this.#host.judges.take({
      site,
      isOpen: () => this.#state === judging,
      judge: (settled) =>
        callSafely(
          () => authenticate({ auth: hello.auth, origin }),
          (error) => {
            settled()
            refuse(error)
          },
          (principal) => {
            settled()
            judge(principal)
          },
        ),
    })
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
      return this.#disown("another hub has the session")
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
      features: entry.session.features,
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
    if (later.length > 0) {
      entry.did(later.length, 0, heardAt)
      entry.session.hear(this.#link, later)
    }
  }

  /** Why the hub lets this channel in no more: while it drains, the sessions that it has may still be resumed. */
  #leaving({ id }: Hello): Closing | undefined {
    return this.#host.registry.find(id) === undefined ? this.#host.closing() : undefined
  }

  #begin(hello: Hello, address: string, principal: Principal): Entry | undefined {
    const { registry } = this.#host
    const ended = registry.endedWhy(hello.id, hello.key)
    if (ended !== undefined) {
      this.refuse(ended)
      return undefined
    }
    if (hello.heard > 0 || hello.acked > 0 || hello.hub !== undefined) {
      this.#disown("this hub does not know the session")
      return undefined
    }
    const full = this.#host.closing() ?? registry.refusal(address)
    if (full !== undefined) {
      this.refuse(full)
      return undefined
    }
    const entry = new Entry(this.#host, hello.id, hello.key, principal, address, this.#host.sites.at(address))
    // For as long as the session lives: what is said on one link may be repeated on another.
    entry.session.agree(hello.features)
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
    if (code === "too-large" && state.stage === "admitted") {
      const why = closing(code, message, false)
      state.entry.end(why)
      this.#leave() // an upload that waits for what it brought is answered now
      return this.#tell(state, why)
    }
    this.refuse(closing(code, message))
  }

  /**
   * The session is not known here. The same link may bring the hello of another, so that whoever comes back to a hub that has
   * begun anew needs one connection; but only once, and not over HTTP, where it would save nothing.
   */
  #disown(reason: string): void {
    const why = closing("session-unknown", reason)
    const state = this.#state
    const { disowned } = this.#unwelcomed
    if (state.stage !== "judging" || disowned === undefined || this.#link.exchanges === true) return this.refuse(why)
    this.#unwelcomed.delete(this, this.#site)
    this.#unwelcomed = disowned
    disowned.add(this, this.#site)
    if (disowned.refusal(this.#site) !== undefined) return this.refuse(why)
    this.#state = { stage: "waiting", origin: state.origin }
    this.#host.clockwork.set(this, this.#host.clockwork.now() + HELLO_DEADLINE_MS)
    this.#sayBye(why)
    this.#tell(state, why)
  }

  #sayBye(why: Closing): void {
    const { hub, clockwork, startedAt } = this.#host
    // A hub that has begun since the channel last heard from its own is most likely that one, restarted.
    const tellsAge = why.code === "session-unknown"
    this.#link.send(writeBye(why, { hub, ageMs: tellsAge ? Math.max(0, clockwork.now() - startedAt) : undefined }))
  }

  /** Ends the link with a last word. */
  refuse(why: Closing): void {
    if (this.#state.stage === "closed") return
    const state = this.#leave()
    this.#sayBye(why)
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
      this.#unwelcomed.delete(this, this.#site)
    }
    this.#state = { stage: "closed" }
    if (state.stage === "admitted" && this.#backlog !== undefined) {
      this.#host.clockwork.clear(this)
      this.#host.slices.delete(this)
      this.#backlog.ended = undefined
      this.#idle(state.entry)
    }
    return state
  }
}

/**
 * Makes parts of packets texts of their own: they are kept, and a slice of a text keeps all of the text, which here is a batch.
 * Two texts that are joined are a slice of nothing: sliced in turn, they become a new one that holds no more than they do.
 */
function ownParts(packets: Packet[]): void {
  for (const [at, packet] of packets.entries()) {
    const kind = kindOf(packet)
    if (typeof packet === "string" && isPart(kind)) packets[at] = ` ${packet}`.slice(1)
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
