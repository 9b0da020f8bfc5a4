import EventEmitter from "eventemitter3"
import type { Unsubscribe } from "../kernel/dispatch.ts"

/**
 * Listeners of what happens to the hub itself. Never of application messages: those live in `Handlers`,
 * so that no message name is reserved.
 */
export class Lifecycle<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #emitter = new EventEmitter()

  on<Name extends keyof Events & string>(event: Name, listener: (...args: Events[Name]) => void): Unsubscribe {
    const call = listener as (...args: unknown[]) => void // emit gives it what Events says
    this.#emitter.on(event, call)
    return () => void this.#emitter.off(event, call)
  }

  /** Whether anybody listened. What a listener throws comes out here. */
  emit<Name extends keyof Events & string>(event: Name, ...args: Events[Name]): boolean {
    return this.#emitter.emit(event, ...args)
  }
}
