import type { Runtime } from "../session/runtime.ts"
import type { Acceptor, Dialer } from "../transports/transport.ts"
import type { Carried, Limits } from "./line.ts"
import type { Machine } from "./virtual-runtime.ts"
import type { Direction, Wire } from "./wire.ts"

/** Options of an in-memory network. */
export interface NetworkOptions {
  /** Clock and randomness of the network: the same virtual runtime that its hubs and channels use. */
  readonly runtime: Runtime
  /** One-way delay in milliseconds. Default 10. */
  readonly latencyMs?: number
  /** Upper bound of a random delay on top of the latency, in milliseconds. Each link keeps its order. Default 0. */
  readonly jitterMs?: number
  /**
   * Without a rate limit: bytes that may be in transit in each direction of a link. Bytes beyond it count in the
   * sender's `bufferedBytes`. Default 65 536.
   */
  readonly windowBytes?: number
  /** Rate and queue of each direction. Default no limits. */
  readonly limits?: Limits | undefined
  /** Remote address of all dialers, as acceptors see it. Default none. */
  readonly address?: string
  /**
   * Whether each dial reaches a random one of the listening hubs, as behind a load balancer without sticky sessions.
   * Default `false`: each dial reaches the hub that opened last.
   */
  readonly balanced?: boolean
}

/**
 * A network in memory, without sockets. Its transports can have any names; pass their dialers to `createChannel` and
 * their acceptors to `createHub`. A test can cause the faults of a real network, for one link (see {@link Wire}), for
 * one transport or for all of them.
 *
 * @example
 * const runtime = createVirtualRuntime()
 * const network = createNetwork({ runtime })
 * const hub = createHub({ runtime, transports: [network.acceptor("websocket")] })
 * const channel = createChannel("http://hub", { runtime, transports: [network.dialer("websocket")] })
 * runtime.advance(1_000) // open
 * network.cut()
 * network.block("websocket")
 */
export interface Network {
  /**
   * The client half of a transport. `streamed` (default `false`) marks a transport that a proxy may hold back after the
   * first batch, as it may an event stream.
   */
  dialer(name: string, traits?: { readonly streamed?: boolean }): Dialer
  /** The server half of a transport. If several hubs listen, {@link NetworkOptions.balanced} says which is reached. */
  acceptor(name: string): Acceptor
  /** Every link that is still open at one end or both, oldest first. */
  readonly wires: readonly Wire[]
  /** A log of the packets that arrived and of the faults, one line each. */
  readonly trace: string
  /** Adds a line to the trace. */
  remark(who: string, text: string): void
  /** Changes the latency of what is sent from now on, in milliseconds. `jitterMs`: default 0. */
  delay(latencyMs: number, jitterMs?: number): void
  /**
   * Changes the rates and the queue from now on, also for bytes that are queued already. Called without limits, it
   * removes them all. All links share one queue in each direction: a dial, a close and every batch wait behind what any
   * link sent before them. Bytes of a link that broke still take up their time in the queue. A batch is delivered when
   * its last byte has arrived.
   */
  limit(limits?: Limits): void
  /** Number of dials since the network was made. */
  readonly dials: number
  /** Bytes and batches that have passed in each direction, including those of links that have broken since. */
  readonly carried: Readonly<Record<Direction, Carried>>
  /** Bytes in the queue of each direction. Always 0 without a rate limit. */
  readonly queuedBytes: Readonly<Record<Direction, number>>
  /** Cuts every link, or every link of one transport. Both ends are told. */
  cut(name?: string): void
  /**
   * Does to the network what the death of a hub's process does: the hub's links are cut, and dials fail until a hub
   * opens acceptors again. To stop the hub itself, call `halt` of its machine. With `machine`, only the hub on that
   * machine dies; without it, all hubs do.
   */
  crash(machine?: Machine): void
  /** Holds everything back, on all links, until `thaw`. Nothing is lost. */
  freeze(): void
  thaw(): void
  /** Refuses every dial of this transport, or of all transports. Open links stay open. */
  block(name?: string): void
  /** Leaves every dial of this transport unanswered until `unblock`. */
  blackHole(name: string): void
  /**
   * Holds back what each link of this transport sends down after its first `passing` batches (default 1; with 0 nothing
   * comes down at all), until `unblock`.
   */
  holdBack(name: string, passing?: number): void
  /** Cuts each link of this transport when it has been idle for `afterMs` milliseconds, until `unblock`. */
  cutIdle(name: string, afterMs: number): void
  /** Removes all obstacles of this transport. What was held back is delivered. */
  unblock(name: string): void
  /** Removes the obstacles of all transports and thaws everything. Links that broke stay broken. */
  heal(): void
}
