import type { Stage } from "../messaging/dispatch-host.ts"
import type { SubscribeOptions, Unsubscribe } from "../messaging/subscription.ts"
import { hubRuntime } from "../runtimes/hub-runtime.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Clockwork } from "../session/clockwork.ts"
import type { Runtime } from "../session/runtime.ts"
import { type Refusal, RefusalReport } from "./admission/refusals.ts"
import { Counts, type Tally } from "./counts.ts"
import { Lifecycle } from "./lifecycle.ts"
import { ErrorReport } from "./limits/error-report.ts"
import type { HubObserver } from "./observer.ts"
import { joinObservers } from "./observers.ts"
import type { Peer } from "./peer.ts"

/** Where an error came from. `onError` receives it. */
export interface HubErrorContext {
  readonly stage: Stage | "hub"
  readonly peer?: Peer
}

/** How the session of a peer has begun in this process. */
export interface PeerBeginning {
  /** Whether it was in another process of the cluster, which has handed it over or has died. Then `peer.id`, `peer.rooms` and plain `peer.data` are those that it had there. */
  readonly moved: boolean
}

interface HubEvents {
  peer: [peer: Peer, how: PeerBeginning]
  error: [error: unknown, context: HubErrorContext]
  refused: [refusal: Refusal]
}

/** Passes new peers, errors and refusals to the application's listeners, and to the log if there is no listener. */
export class Reports {
  readonly #runtime: Runtime
  readonly #lifecycle = new Lifecycle<HubEvents>((error) => this.failed(error, { stage: "listener" }))
  readonly #errors: ErrorReport
  readonly #refusals: RefusalReport
  /** Refusals by code. */
  readonly #refused = new Counts()

  /** What happens in the hub is told to it. */
  readonly observer: HubObserver
  readonly #hub: string

  /** @param hub Id of the hub. */
  constructor(clockwork: Clockwork, hub: string, observers: readonly HubObserver[]) {
    this.#runtime = clockwork.runtime
    this.#hub = hub
    const failed = (error: unknown): void => this.failed(error, { stage: "listener" })
    this.observer = joinObservers(observers, (run) => clockwork.runtime.soon(run), failed)
    this.#errors = new ErrorReport(clockwork, this.#reportNow, (message) => this.warn(message))
    this.#refusals = new RefusalReport((message) => this.warn(message))
  }

  /** How often something was refused, by code. */
  get refusedTally(): Tally {
    return this.#refused.tally
  }

  on<Name extends keyof HubEvents>(
    event: Name,
    listener: (...args: HubEvents[Name]) => unknown,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return this.#lifecycle.on(event, listener, options)
  }

  /** A session has begun, or goes on here. */
  began(peer: Peer, moved: boolean): void {
    this.observer.sessionBegan?.({ hub: this.#hub, peer: peer.id, address: peer.address })
    this.#lifecycle.emit("peer", (error) => this.failed(error, { stage: "listener", peer }), peer, { moved })
  }

  refused(refusal: Refusal): void {
    this.#refused.add(refusal.code)
    this.observer.refused?.({ hub: this.#hub, ...refusal })
    const failed = (error: unknown): void => this.failed(error, { stage: "listener" })
    if (!this.#lifecycle.emit("refused", failed, refusal)) this.#refusals.report(refusal)
  }

  warn(message: string): void {
    const { warn } = this.#runtime
    callSafely(() => (warn === undefined ? hubRuntime.warn(message) : warn(message)), this.hubFailed)
  }

  failed(error: unknown, context: HubErrorContext): void {
    if (!this.#lifecycle.emit("error", this.#report, error, context)) this.#report(error)
  }

  /** Reports an error in the hub itself, or in a transport or runtime that it was given. */
  readonly hubFailed = (error: unknown): void => this.failed(error, { stage: "hub" })

  /** Logs how many errors were left out of the log so far. */
  close(): void {
    this.#errors.close()
  }

  readonly #report = (error: unknown): void => this.#errors.report(error)

  /** The last place for an error. If `report` throws too, its error is dropped, because nothing else could take it. */
  readonly #reportNow = (error: unknown): void => {
    callSafely(
      () => this.#runtime.report(error),
      () => {},
    )
  }
}
