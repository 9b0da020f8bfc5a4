import { Dispatch, type DispatchHost, type Stage } from "../../messaging/dispatch.ts"
import type { Handlers } from "../../messaging/handlers.ts"
import type { Link } from "../../session/link.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Session } from "../../session/session.ts"
import type { Packet } from "../../wire/batch.ts"
import { type Closing, closing, closingError, type EverwireError } from "../../wire/errors.ts"
import { isPermitted, type Permit } from "../permission.ts"
import { CountedHandlers } from "./counted-handlers.ts"
import type { HubPeer } from "./hub-peer.ts"
import { MissedNames } from "./missed-names.ts"
import { OpenRequests } from "./open-requests.ts"

/** What the messages and requests of a peer need from the hub. */
export interface PeerDispatchHost {
  readonly runtime: Runtime
  /** The hub's handlers, in one list for all peers that have no handlers of their own. */
  readonly handlers: readonly Handlers<HubPeer>[]
  readonly maxPayloadBytes: number
  readonly maxRequestBytes: number
  /** Undefined if every message and request is permitted. */
  readonly permit: Permit | undefined
  /** Names of messages that had no handler. */
  readonly missed: MissedNames
  failed(error: unknown, stage: Stage, peer: HubPeer): void
}

/** The session that carries the peer's packets. */
interface Carrier {
  readonly peer: HubPeer
  readonly session: Session
  say(packet: Packet): void
  refused(why: Closing, link: Link | undefined): void
}

/** How many names without a handler are remembered for each peer. */
const MAX_MISSED_NAMES = 16

/**
 * The messages and requests of one peer: its handlers, and which requests are open. Made when the first message is
 * handled or the first request is sent, because most peers only receive messages.
 */
export class PeerDispatch implements DispatchHost<HubPeer> {
  readonly dispatch: Dispatch<HubPeer>
  /** The peer's own handlers if it has any, then the hub's. */
  handlers: readonly Handlers<HubPeer>[]
  readonly #host: PeerDispatchHost
  readonly #carrier: Carrier
  /** Names of this peer's messages that had no handler. */
  #missed: MissedNames | undefined
  /** Requests of the channel that are being answered. Made for its first request. */
  #requests: OpenRequests | undefined
  #isClosed = false

  constructor(host: PeerDispatchHost, carrier: Carrier) {
    this.#host = host
    this.#carrier = carrier
    this.handlers = host.handlers
    this.dispatch = new Dispatch(host.runtime, this)
  }

  /** The peer's own handlers. Made for the first of them. */
  get own(): Handlers<HubPeer> {
    const [own] = this.handlers
    if (own !== undefined && this.handlers !== this.#host.handlers) return own
    const first = new CountedHandlers((error) => this.failed(error, "listener"))
    if (this.#isClosed) first.close()
    this.handlers = [first, ...this.#host.handlers]
    return first
  }

  /** The session has ended. Its own handlers remove their listeners from the signals that they were given. */
  close(): void {
    this.#isClosed = true
    if (this.handlers !== this.#host.handlers) this.own.close()
  }

  /** Call it when a handler of this peer alone was set. */
  handles(name: string): void {
    const error = this.#missed?.late(name)
    if (error !== undefined) this.failed(error, "message")
  }

  /** Why a request of this size is refused, because too many are being answered; undefined if it is not. */
  refusalOf(size: number): EverwireError | undefined {
    this.#requests ??= new OpenRequests()
    return this.#requests.refusal(size, this.#host.maxRequestBytes)
  }

  /** The request that was delivered last counts as open until `answering` settles. */
  holdUntil(answering: Promise<unknown>): void {
    this.#requests?.holdUntil(answering)
  }

  refusal(kind: "message" | "request", name: string, data: unknown): EverwireError | undefined {
    const { permit } = this.#host
    const { peer, session } = this.#carrier
    if (permit === undefined) return undefined
    if (
      isPermitted(
        "permit",
        () => permit({ peer, kind, name, data }),
        (error) => this.failed(error, kind),
      )
    )
      return undefined
    const why = closing("forbidden", `this peer may not send the ${kind} "${name}"`, false)
    this.#carrier.refused(why, session.link)
    return closingError(why)
  }

  say(packet: Packet): void {
    this.#carrier.say(packet)
  }
  maxPayloadBytes(): number {
    return this.#host.maxPayloadBytes
  }
  context(): HubPeer {
    return this.#carrier.peer
  }
  failed(error: unknown, stage: Stage): void {
    this.#host.failed(error, stage, this.context())
  }
  missed(name: string): void {
    this.#missed ??= new MissedNames(MAX_MISSED_NAMES)
    this.#missed.add(name)
    this.#host.missed.add(name)
  }
}
