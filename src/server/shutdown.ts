import type { Handlers } from "../messaging/handlers.ts"
import { checkNames } from "../messaging/option-names.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Runtime } from "../session/runtime.ts"
import type { OpenAcceptor } from "../transports/transport.ts"
import { type Closing, closing } from "../wire/errors.ts"
import type { Unwelcomed } from "./admission/unwelcomed.ts"
import type { OpenCluster } from "./cluster.ts"
import type { Entrance } from "./http/entrance.ts"
import type { ClusterJournal } from "./moved-session.ts"
import type { Reports } from "./reports.ts"
import { checkDrainMs, Drain, retryAfterMs } from "./sessions/drain.ts"
import type { HubPeer } from "./sessions/hub-peer.ts"
import type { Registry } from "./sessions/registry.ts"

/** What a hub closes when it ends. */
interface ClosedParts {
  readonly hub: string
  readonly entrance: Entrance
  readonly registry: Registry
  readonly unwelcomed: Unwelcomed
  /** Undefined if the hub is alone. */
  readonly cluster: OpenCluster | undefined
  readonly acceptors: ReadonlyMap<string, OpenAcceptor>
  readonly handlers: Handlers<HubPeer>
  readonly reports: Reports
}

/** The end of a hub: first it begins no session, then its sessions end, then everything else is closed. */
export class Shutdown {
  readonly #runtime: Runtime
  /** Why no session begins. Undefined before `close`. */
  why: Closing | undefined
  /** Undefined before `close`. */
  drain: Drain | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** What a hello is answered with while the hub shuts down. Undefined before `close`. */
  get refusal(): Closing | undefined {
    return this.why && { ...this.why, retryAfterMs: retryAfterMs(this.#runtime) }
  }

  /** What is left of sessions is in the store then, and the last packets are handed to the network. */
  async #awaitStore(journal: ClusterJournal): Promise<void> {
    await journal.close()
    await new Promise<void>((resolve) => void this.#runtime.after(0, resolve))
  }

  /** Resolves when all is closed. See `Hub.close` about the options, which are checked first. */
  async close(options: { drainMs?: number | undefined }, parts: ClosedParts): Promise<void> {
    checkNames(options, { drainMs: "" }, "close")
    const { drainMs = 0 } = options
    checkDrainMs(drainMs)
    const { hub, entrance, registry, unwelcomed, acceptors, handlers, reports, cluster } = parts
    const since = this.why === undefined ? this.#runtime.now() : undefined
    this.why ??= closing("hub-closing", "the hub is shutting down")
    const { hubFailed, observer } = reports
    if (since !== undefined) observer.closing?.({ hub, sessions: registry.size, drainMs })
    const closed = entrance.close()
    this.drain?.hasten(drainMs)
    if (drainMs > 0 || cluster?.journal) cluster?.moves.leaving()
    this.drain ??= new Drain(this.#runtime, registry.all(), drainMs, this.why, cluster?.moves)
    // If there is no time to wait, all is closed when this call returns.
    if (!this.drain.isOver) {
      await this.drain.done
      await cluster?.moves.settled()
    }
    if (cluster?.journal) await this.#awaitStore(cluster.journal)
    unwelcomed.refuseAll({ ...this.why, retryAfterMs: retryAfterMs(this.#runtime) })
    cluster?.close(this.why)
    for (const acceptor of acceptors.values()) callSafely(() => acceptor.close?.(), hubFailed)
    registry.close()
    reports.close()
    handlers.close()
    closed()
    if (since !== undefined) observer.closed?.({ hub, durationMs: this.#runtime.now() - since })
  }
}
