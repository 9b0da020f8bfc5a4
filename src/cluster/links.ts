import type { Arrival, ClusterHost, ClusterLinks, RelaySink, Whereabouts } from "../server/cluster.ts"
import type { Clockwork } from "../session/clockwork.ts"
import type { Link } from "../session/link.ts"
import type { HttpExchange } from "../transports/transport.ts"
import { closing, EverwireError } from "../wire/errors.ts"
import type { Hello } from "../wire/handshake.ts"
import type { Claims } from "./claims.ts"
import { ForeignExchange } from "./foreign-exchange.ts"
import type { HandOver } from "./hand-over.ts"
import type { Members } from "./members.ts"
import type { Line, Neighbours, Strand } from "./neighbours.ts"
import { GO_AGAIN, OFFER } from "./offer.ts"
import { describe, EXCHANGE, PassedExchange } from "./passed-exchange.ts"
import { introduce, LINK, Relay } from "./relay.ts"
import { RelayedLink, readArrival } from "./relayed-link.ts"

/** A bye without a link that is passed on. It opens no strand. */
const LEAVE = 21

/** Most relayed links and exchanges that are open to one process at once. */
const MAX_OPENED = 65_536
/** Most bytes of large bodies that are read at once in order to be passed on. */
const MAX_BODIES_BYTES = 16_777_216

const FULL = closing("over-capacity", "too many links of another process's sessions end here")

/** What opens a strand and wants no answer. */
const SILENT: Strand = { hear() {}, lost() {} }

export interface LinksHost {
  readonly hub: string
  readonly clockwork: Clockwork
  readonly members: Members
  readonly neighbours: Neighbours
  readonly claims: Claims
  readonly moves: HandOver
  /** Whether sessions are kept in the store: then any of them may be another process's by now. */
  readonly isDurable: boolean
  failed(error: unknown): void
}

/** Makes the end of a strand that another process opens. Undefined for a bye without a link, which needs none. */
export function takeStrand(
  host: ClusterHost,
  moves: HandOver,
  what: number,
  args: readonly unknown[],
  line: Line,
): Strand | undefined {
  switch (what) {
    case LINK: {
      const link = new RelayedLink(line, args)
      link.sink = host.admit(link, readArrival(args))
      return link
    }
    case EXCHANGE: {
      const exchange = new ForeignExchange(line, args)
      host.exchange(exchange)
      return exchange
    }
    case OFFER:
      return moves.offered(args, line)
    case GO_AGAIN:
      moves.toldAgain(args, line)
      return SILENT
    case LEAVE:
      host.leave(String(args[0]))
      return undefined
    default:
      return undefined
  }
}

/** What a hub of a cluster does with links whose session, and exchanges whose link, another process has. */
export class Links implements ClusterLinks {
  readonly #host: LinksHost
  /** Bytes of large bodies that are being read. */
  #bodiesBytes = 0

  constructor(host: LinksHost) {
    this.#host = host
  }

  find(hello: Hello, isRelayed: boolean): Whereabouts | PromiseLike<Whereabouts> {
    const found = this.#host.claims.find(hello, isRelayed)
    if (found === undefined) return undefined
    return "then" in found ? found.then((where) => this.#bounded(where)) : this.#bounded(found)
  }

  #bounded(where: Whereabouts): Whereabouts {
    const isFull = where !== undefined && "owner" in where && this.#host.neighbours.opened(where.owner) >= MAX_OPENED
    return isFull ? { refusal: FULL } : where
  }

  relay(owner: string, link: Link, arrival: Arrival): RelaySink {
    const { clockwork, neighbours } = this.#host
    const relay = new Relay(link, clockwork)
    relay.begin(neighbours.open(owner, relay, LINK, ...introduce(link, arrival)))
    return relay
  }

  createId(): string {
    return `${this.#host.hub}.${this.#host.clockwork.runtime.id()}`
  }

  has(id: string): boolean {
    return this.#hubOf(id) !== undefined
  }

  endedHub(id: string): string | undefined {
    const given = hubIn(id)
    return this.#host.members.hasEnded(given) ? given : undefined
  }

  /** The other living hub that gave this id. */
  #hubOf(id: string): string | undefined {
    const { hub, members } = this.#host
    const given = hubIn(id)
    return given !== hub && members.lives(given) ? given : undefined
  }

  reserve(bytes: number): () => void {
    if (this.#bodiesBytes + bytes > MAX_BODIES_BYTES) {
      throw new EverwireError("over-capacity", "too many large bodies for other processes at once")
    }
    this.#bodiesBytes += bytes
    return () => {
      this.#bodiesBytes -= bytes
    }
  }

  answer(id: string, exchange: HttpExchange, unreached: () => void, body?: Uint8Array): boolean {
    const { clockwork, neighbours } = this.#host
    const owner = this.#hubOf(id)
    if (owner === undefined) return false
    if (neighbours.opened(owner) >= MAX_OPENED) throw new EverwireError("over-capacity", FULL.reason)
    const passed = new PassedExchange(exchange, clockwork, unreached)
    passed.begin(neighbours.open(owner, passed, EXCHANGE, ...describe(exchange, body)))
    return true
  }

  isMoved(session: string): boolean {
    const { moves, isDurable } = this.#host
    return isDurable || moves.movedTo(session) !== undefined || moves.expects(session)
  }

  leave({ id, hub }: { readonly id: string; readonly hub: string | undefined }, bye: string): boolean {
    const { claims, members, moves, hub: own, failed } = this.#host
    const owner = moves.movedTo(id) ?? hub
    if (owner !== undefined && (owner === own || (members.lives(owner) && !members.leaves(owner)))) {
      return this.#passOn(owner, bye)
    }
    if (members.hasJoined) {
      // None has welcomed the session yet, but another process may be about to. Or its hub has handed it over.
      claims
        .claimed(id)
        .then((owner) => owner !== undefined && this.#passOn(owner, bye))
        .catch(failed)
    }
    return false
  }

  #passOn(hub: string, bye: string): boolean {
    const { members, neighbours, hub: own } = this.#host
    if (hub === own || !members.lives(hub)) return false
    neighbours.open(hub, SILENT, LEAVE, bye)
    return true
  }
}

/** The hub that an id names. */
function hubIn(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf(".")))
}
