import type { Clockwork } from "../session/clockwork.ts"
import type { Link, LinkSink } from "../session/link.ts"
import type { Runtime } from "../session/runtime.ts"
import type { HttpExchange } from "../transports/transport.ts"
import type { Closing } from "../wire/errors.ts"
import type { Hello } from "../wire/handshake.ts"
import type { Principal } from "./peer.ts"

/** Joins a hub with those of other processes. `everwire/cluster` makes it; a hub without one loads nothing of it. */
export interface Cluster {
  /** The hub calls this once, when it is created. */
  open(host: ClusterHost): OpenCluster
}

/** A hello that another process has judged, with what the owner of the session needs to know of the request. */
export interface Arrival {
  readonly hello: Hello
  readonly principal: Principal
  /** The transport's name. */
  readonly transport: string
  /** The client's IP address, if known. */
  readonly address: string | undefined
  /** When the hello was heard, in milliseconds of the process that heard it. */
  readonly heardAt: number
}

/** What a hub gives to its cluster. */
export interface ClusterHost {
  readonly runtime: Runtime
  readonly clockwork: Clockwork
  /** The id of this hub, by which the other processes address it. */
  readonly hub: string
  /** Admits a link that ends at another process, which has judged its hello. */
  admit(link: Link, arrival: Arrival): LinkSink
  /** Answers an exchange of a link that ends here and that reached another process, which has checked its Origin. */
  exchange(exchange: HttpExchange): void
  /** Handles a bye without a link that reached another process. */
  leave(bye: string): Closing | undefined
  /** Receives faults. */
  failed(error: unknown): void
}

/** What a hub asks of its cluster. */
export interface OpenCluster {
  /** Ends when nothing of the hub is open any more. */
  close(): Promise<void>
}
