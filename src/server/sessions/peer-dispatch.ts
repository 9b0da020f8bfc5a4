import { Dispatch, type DispatchHost, type Stage } from "../../messaging/dispatch.ts"
import type { Handlers } from "../../messaging/handlers.ts"
import type { Runtime } from "../../session/runtime.ts"
import type { Packet } from "../../wire/batch.ts"
import type { EverwireError } from "../../wire/errors.ts"
import { CountedHandlers } from "./counted-handlers.ts"
import type { HubPeer } from "./hub-peer.ts"
import { MissedNames } from "./missed-names.ts"
import { OpenRequests } from "./open-requests.ts"

/** What the messages and requests of a peer need of the hub. */
export interface PeerDispatchHost {
  readonly runtime: Runtime
  /** Those of the hub: the same list for every peer that has none of its own. */
  readonly handlers: readonly Handlers<HubPeer>[]
  readonly maxPayloadBytes: number
  readonly maxRequestBytes: number
  /** Names of messages that nothing handles. */
  readonly missed: MissedNames
  failed(error: unknown, stage: Stage, peer: HubPeer): void
}

/** The session that carries them. */
interface Carrier {
  readonly peer: HubPeer
  say(packet: Packet): void
}

/** So many names that nothing handles are remembered of a peer. */
const MAX_MISSED_NAMES = 16

/**
 * What the hub keeps of a peer's messages and requests: who handles them, and which requests are open. Made when there is
 * something to handle or to ask: most peers of most hubs are told things and say nothing.
 */
export class PeerDispatch implements DispatchHost<HubPeer> {
  readonly dispatch: Dispatch<HubPeer>
  /** The hub's; before them the peer's own, once it has any. */
  handlers: readonly Handlers<HubPeer>[]
  readonly #host: PeerDispatchHost
  readonly #carrier: Carrier
  /** Names of this peer's messages that nothing handled. */
  #missed: MissedNames | undefined
  /** Requests of the channel that are being answered, once it has asked. */
  #requests: OpenRequests | undefined
  #isClosed = false

  constructor(host: PeerDispatchHost, carrier: Carrier) {
    this.#host = host
    this.#carrier = carrier
    this.handlers = host.handlers
    this.dispatch = new Dispatch(host.runtime, this)
  }

  /** Handlers of this peer alone. */
  get own(): Handlers<HubPeer> {
    const [own] = this.handlers
    if (own !== undefined && this.handlers !== this.#host.handlers) return own
    const first = new CountedHandlers((error) => this.failed(error, "listener"))
    if (this.#isClosed) first.close()
    this.handlers = [first, ...this.#host.handlers]
    return first
  }

  /** The session has ended: its own handlers let go of the signals that they were given. */
  close(): void {
    this.#isClosed = true
    if (this.handlers !== this.#host.handlers) this.own.close()
  }

  /** A handler of this peer alone is set. */
  handles(name: string): void {
    const error = this.#missed?.late(name)
    if (error !== undefined) this.failed(error, "message")
  }

  /** Why a request of this size is not begun, if it is not: too many are being answered. */
  refusalOf(size: number): EverwireError | undefined {
    this.#requests ??= new OpenRequests()
    return this.#requests.refusal(size, this.#host.maxRequestBytes)
  }

  /** The request that was delivered last is being answered. */
  holdUntil(answering: Promise<unknown>): void {
    this.#requests?.holdUntil(answering)
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
