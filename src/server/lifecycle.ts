import EventEmitter from "eventemitter3"
import { type SubscribeOptions, subscribe, tell, type Unsubscribe } from "../messaging/subscription.ts"

/** What the emitter calls: it passes the event's arguments to one subscription. */
type Call = (failed: (error: unknown) => void, args: readonly unknown[]) => void

/**
 * Listeners of events of the hub itself. Listeners of application messages are in `Handlers`, so that no message name
 * is reserved.
 */
export class Lifecycle<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #emitter = new EventEmitter()
  readonly #failed: (error: unknown) => void

  /** @param failed Gets what the `signal` of a subscription throws. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /** @throws EverwireError `misuse` as {@link subscribe} */
  on<Name extends keyof Events & string>(
    event: Name,
    listener: (...args: Events[Name]) => unknown,
    options?: SubscribeOptions,
  ): Unsubscribe {
    return subscribe(listener, options, this.#failed, (subscription) => {
      // A new function for each subscription, because the emitter removes all entries that have the same function.
      const call: Call = (failed, args) => tell([subscription], failed, ...args)
      this.#emitter.on(event, call)
      return () => this.#emitter.off(event, call)
    })
  }

  /** Returns whether there was a listener. What a listener throws or rejects with goes to `failed`. */
  emit<Name extends keyof Events & string>(
    event: Name,
    failed: (error: unknown) => void,
    ...args: Events[Name]
  ): boolean {
    return this.#emitter.emit(event, failed, args)
  }
}
