import type { Alarm, Flushable, Slot } from "../../session/clockwork.ts"
import type { Link, LinkSink } from "../../session/link.ts"
import type { LinkOrigin } from "../../transports/transport.ts"
import { type Batch, decodeBatch, encodeBatch, isLarger, sizeOf } from "../../wire/batch.ts"
import { MAX_HELLO_BYTES, PROTOCOL_VERSION } from "../../wire/defaults.ts"
import { type Closing, closing, EverwireError, protocolError } from "../../wire/errors.ts"
import { readHello } from "../../wire/handshake.ts"
import type { Arrival, ClusterLinks } from "../cluster.ts"
import { rateLimited } from "../limits/allowance.ts"
import { Spending } from "../limits/spending.ts"
import { isNotTaken } from "../limits/taking.ts"
import type { Principal } from "../peer.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { claimSession } from "./claim.ts"
import { renew } from "./expiry.ts"
import { inquire, inquireForOther, type Seeker } from "./inquiry.ts"
import type { Judging } from "./judgement.ts"
import { HELLO_DEADLINE_MS } from "./judges.ts"
import { type LinkState, refusalIn } from "./link-state.ts"
import { checkListens, hearAtOnce, LinkWork } from "./link-work.ts"
import { AWAY_MS, passOn } from "./locate.ts"
import { sayBye } from "./say-bye.ts"
import type { Unwelcomed } from "./unwelcomed.ts"
import { welcome } from "./welcome.ts"

/** How long a client is told to send nothing on an HTTP link with too much waiting input, in milliseconds. */
const FULL_WAIT_MS = 1_000

/** Judges a link's hello, then passes all input on to the session that the link belongs to. */
export class HubLink implements LinkSink, Alarm, Flushable {
  readonly #host: AdmissionHost
  /** The set that counts this link until it is welcomed. */
  #unwelcomed: Unwelcomed
  #link: Link
  /** For a welcomed link the session itself: a hub has many links, and nothing else would need an object for each. */
  #state: LinkState
  /** The key by which the link is counted until it is welcomed. */
  readonly #site: string
  /** Deadline for the hello and its judgement. */
  slot: Slot | undefined
  /** Input that had to wait. Undefined until that happens for the first time. */
  #work: LinkWork | undefined

  constructor(host: AdmissionHost, unwelcomed: Unwelcomed, link: Link, origin: LinkOrigin) {
    this.#host = host
    this.#unwelcomed = unwelcomed
    this.#link = link
    this.#state = { stage: "waiting", origin }
    this.#site = host.sites.names.of(origin.address ?? "")
    unwelcomed.add(this, this.#site)
    host.clockwork.flushSoon(this)
  }

  /**
   * Runs at the end of the tick in which the link opened: a hello that came with it was handled, and the acceptor has
   * its sink.
   */
  flushNow(): void {
    const { stage } = this.#state
    const why = stage === "waiting" ? this.#unwelcomed.refusal(this.#site) : undefined
    if (why !== undefined) this.refuse(why)
    else if (stage === "waiting" || stage === "judging") this.#setDeadline()
  }

  #setDeadline(): void {
    this.#host.clockwork.set(this, this.#host.clockwork.now() + HELLO_DEADLINE_MS)
  }

  ring(): void {
    const asked = this.#state.stage === "judging" ? this.#state.asked : undefined
    const reason = `${asked === undefined ? "no hello came" : `${asked} did not answer`} within ${HELLO_DEADLINE_MS} ms`
    if (asked !== undefined) this.#host.report(new EverwireError("timeout", reason, { retryable: true }))
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
          state.later.push(batch)
          return
        case "admitted":
          return this.#hear(state, batch)
        case "relayed":
          return passOn(this.#host, state.sink, batch)
        case "closed":
      }
    } catch (error) {
      this.broke(error)
    }
  }

  /** Handles the batch now if it is small and no other input of the link waits; otherwise it waits behind the rest. */
  #hear(hubSession: HubSession, batch: Batch): void {
    const host = this.#host
    const why = hubSession.durable?.refusal
    if (why !== undefined) {
      this.#leave()
      return hubSession.durable?.stalled(why)
    }
    checkListens(host, hubSession, this.#link)
    if (!this.isBusy && hearAtOnce(host, hubSession, this.#link, batch)) return
    this.#work ??= new LinkWork(host, hubSession, this.#link, this)
    this.#work.add(batch)
  }

  get isBusy(): boolean {
    const state = this.#state
    return state.stage === "relayed" ? state.sink.isBusy : this.#work?.isBusy === true
  }

  get awayMs(): number | undefined {
    const state = this.#state
    return state.stage === "relayed" || (state.stage === "admitted" && state.durable) ? AWAY_MS : undefined
  }

  whenIdle(run: () => void): void {
    const state = this.#state
    if (state.stage === "relayed") state.sink.whenIdle(run)
    else if (this.#work === undefined) this.#host.runtime.soon(run)
    else this.#work.whenIdle(run)
  }

  exchanged(): number {
    const state = this.#state
    if (state.stage !== "admitted" && state.stage !== "relayed") return 0
    const bytes = state.stage === "relayed" ? state.sink.waitingBytes : (this.#work?.bytes ?? 0)
    const isFull = bytes > this.#host.maxLinkBytes / 2
    const ms = isFull ? FULL_WAIT_MS : state.spending.exchanged(this.#host.clockwork.now())
    if (ms > 0) this.#tell(state, rateLimited("too many requests, or more than can be worked on", ms))
    return ms
  }

  closed(why: Closing): void {
    if (this.#work?.isBusy === true) return this.#work.endsWith(why)
    const state = this.#leave()
    if (state.stage === "admitted") state.links.closed(this.#link, why)
    else if (state.stage === "relayed") state.sink.closed(why)
    // The socket itself refuses a message that is too large and cuts a client that does not read, so report these
    // here.
    if (why.code === "too-large" || isNotTaken(why)) this.#tell(state, why)
  }

  writable(): void {
    if (this.#state.stage === "admitted") this.#state.linkWritable(this.#link)
    else if (this.#state.stage === "relayed") this.#state.sink.writable()
  }

  acknowledgement(): Batch | undefined {
    const state = this.#state
    return state.stage === "admitted" && !state.durable ? state.session.acknowledgement(this.#link) : undefined
  }

  refused(why: Closing): void {
    this.#tell(this.#state, why)
  }

  overflowed(): void {
    this.broke(new EverwireError("too-large", "the hello is too large"))
  }

  keeps(bytes: number): void {
    this.#host.kept.grow(bytes)
  }

  #hello(batch: Batch, { origin }: Extract<LinkState, { stage: "waiting" }>): void {
    if (isLarger(batch, MAX_HELLO_BYTES)) throw new EverwireError("too-large", "the hello is too large")
    const [first, ...rest] = decodeBatch(batch)
    if (typeof first !== "string") throw protocolError("the first packet is no hello")
    const hello = readHello(first)
    if (hello.v !== PROTOCOL_VERSION) {
      return this.refuse(closing("version-unsupported", `this hub speaks version ${PROTOCOL_VERSION}`, false))
    }
    const why = this.#unwelcomed.refusal(this.#site)
    if (why !== undefined) return this.refuse(why)
    const heardAt = this.#host.clockwork.now()
    const later = rest.length > 0 ? [encodeBatch(rest)] : []
    const judging: Judging = { stage: "judging", origin, hello, heardAt, later, bytes: sizeOf(batch), asked: undefined }
    this.#state = judging
    inquire(this.#host, judging, this.#seeker(judging))
    if (this.#state === judging && this.slot) this.#setDeadline() // whoever is asked has all of it
  }

  #seeker(judging: Judging): Seeker {
    return {
      isOpen: () => this.#state === judging,
      refuse: (why) => this.refuse(why),
      disown: (reason) => this.#disown(reason),
      admit: (known, principal) => this.#admit(judging, known, principal),
      relay: (links, owner, principal) => this.#relay(links, owner, judging, principal),
      broke: (error) => this.broke(error),
    }
  }

  /** Another process has judged the hello, because this hub has the session. */
  arrive(arrival: Arrival): void {
    const { hello, principal } = arrival
    const own = { heardAt: this.#host.clockwork.now(), later: [], bytes: 0, asked: undefined }
    const judging: Judging = { stage: "judging", origin: arrival, hello, ...own }
    this.#state = judging
    inquireForOther(this.#host, judging, this.#seeker(judging), principal)
  }

  #relay(links: ClusterLinks, owner: string, judging: Judging, principal: Principal): void {
    const { origin, hello } = judging
    const { transport, address, header } = origin
    const sink = links.relay(owner, this.#link, { hello, principal, transport, address, header })
    this.#leave()
    this.#state = { stage: "relayed", sink, origin, spending: new Spending(this.#host, this.#host.sites.at(address)) }
    for (const batch of judging.later) this.batch(batch)
  }

  #admit(judging: Judging, known: HubSession | undefined, principal: Principal): void {
    const { hello, origin } = judging
    const claim = claimSession(this.#host, known, hello, origin.address ?? "", principal)
    if ("disowned" in claim) return this.#disown(claim.disowned)
    if ("refusal" in claim) return this.refuse(claim.refusal)
    const { hubSession, isNew } = claim
    this.#leave()
    this.#state = hubSession
    this.#link = hubSession.durable?.over(this.#link) ?? this.#link
    renew(this.#host, hubSession, principal, origin)
    welcome(this.#host, this.#link, hubSession, isNew, judging)
    for (const batch of judging.later) this.batch(batch)
  }

  /** The input broke the protocol, or a bug threw: either way only this link ends. */
  broke(error: unknown): void {
    if (!(error instanceof EverwireError)) this.#host.report(error)
    const { code, message } =
      error instanceof EverwireError
        ? error
        : { code: "protocol-error" as const, message: "the hub could not take this" }
    const state = this.#state
    // The channel would send the same on its next link, so the session ends.
    if (code === "too-large" && state.stage === "admitted") {
      const why = closing(code, message, false)
      state.end(why)
      this.#leave() // answers an upload that waits until its input is handled
      return this.#tell(state, why)
    }
    this.refuse(closing(code, message))
  }

  /**
   * The session is not known here. The same link may bring a hello for a new session, so that a channel of a restarted
   * hub needs only one connection. Allowed once for each link, and not over HTTP, where it would save nothing.
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
    this.#setDeadline()
    sayBye(this.#host, this.#link, why)
    this.#tell(state, why)
  }

  /** Sends a bye with the reason, then closes the link. */
  refuse(why: Closing): void {
    if (this.#state.stage === "closed") return
    const state = this.#leave()
    sayBye(this.#host, this.#link, why)
    this.#link.close(why)
    if (state.stage === "admitted") state.links.closed(this.#link, undefined, why)
    else if (state.stage === "relayed") state.sink.closed(why)
    this.#tell(state, why)
  }

  /** Reports the refusal to the hub's owner. Called last, because a listener may close the hub. */
  #tell(state: LinkState, why: Closing): void {
    const refusal = refusalIn(state, why, this.#link.name)
    if (refusal !== undefined) this.#host.refused(refusal)
  }

  #leave(): LinkState {
    const state = this.#state
    if (state.stage === "waiting" || state.stage === "judging") {
      this.#host.clockwork.clear(this)
      this.#unwelcomed.delete(this, this.#site)
    }
    this.#state = { stage: "closed" }
    this.#work?.drop()
    return state
  }
}
