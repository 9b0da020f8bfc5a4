import EventEmitter from "eventemitter3"
import type { Unsubscribe } from "../messaging/dispatch.ts"
import { callSafely } from "../session/call-safely.ts"
import { checkFunction } from "../wire/packet.ts"

/**
 * Listeners of what happens to the hub itself. Never of application messages: those live in `Handlers`,
 * so that no message name is reserved.
 */
export class Lifecycle<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #emitter = new EventEmitter()

  /**
   * The same function may be subscribed twice: each subscription is called, and cancelled, on its own.
   * @throws EverwireError `misuse` on what is no function
   */
  on<Name extends keyof Events & string>(event: Name, listener: (...args: Events[Name]) => unknown): Unsubscribe {
    checkFunction(listener)
    let isOn = true
    // A function of its own for each subscription: the emitter finds by function, and would take both off.
    const call = (...args: unknown[]): unknown => (isOn ? listener(...(args as Events[Name])) : undefined) // as emitted
    this.#emitter.on(event, call)
    return () => {
      isOn = false
      this.#emitter.off(event, call)
    }
  }

  /** Whether anybody listened. One listener that fails keeps no other from being called: what it threw goes to `failed`. */
  emit<Name extends keyof Events & string>(
    event: Name,
    failed: (error: unknown) => void,
    ...args: Events[Name]
  ): boolean {
    const listeners = this.#emitter.listeners(event)
    for (const listener of listeners) callSafely(() => listener(...args), failed)
    return listeners.length > 0
  }
}
