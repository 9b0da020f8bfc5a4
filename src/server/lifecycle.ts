import EventEmitter from "eventemitter3"
import { type SubscribeOptions, subscribe, tell, type Unsubscribe } from "../messaging/subscription.ts"

/** Called by the emitter, with what tells the subscription. */
type Call = (failed: (error: unknown) => void, args: readonly unknown[]) => void

/**
 * Listeners of what happens to the hub itself. Never of application messages: those live in `Handlers`,
 * so that no message name is reserved.
 */
export class Lifecycle<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #emitter = new EventEmitter()
  readonly #failed: (error: unknown) => void

  /** @param failed Told what a signal of a subscription throws. */
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
      // A function of its own for each subscription: the emitter finds by function, and would take both off.
      const call: Call = (failed, args) => tell([subscription], failed, ...args)
      this.#emitter.on(event, call)
      return () => this.#emitter.off(event, call)
    })
  }

  /** Whether anybody listened. What a listener throws, or rejects with, goes to `failed`. */
  emit<Name extends keyof Events & string>(
    event: Name,
    failed: (error: unknown) => void,
    ...args: Events[Name]
  ): boolean {
    return this.#emitter.emit(event, failed, args)
  }
}
