import type { Stage } from "../messaging/dispatch-host.ts"
import { Handlers, type MessageHandler } from "../messaging/handlers.ts"
import { type SubscribeOptions, tell, type Unsubscribe } from "../messaging/subscription.ts"
import { callSafely } from "../session/call-safely.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Incident } from "./connect/incident.ts"
import type { Reset, Status, StatusDetail } from "./options.ts"

interface Events {
  status: [status: Status, detail: StatusDetail]
  reset: [reset: Reset]
  incident: [incident: Incident]
  error: [error: unknown, stage: Stage | "connection"]
}

/**
 * The listeners of a channel's own events. They are kept apart from its message handlers, so no message name is
 * reserved.
 */
export interface ChannelEvents {
  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void, options?: SubscribeOptions): Unsubscribe
  emit<E extends "status" | "reset" | "incident">(event: E, ...args: Events[E]): void
  /** Passes an error to the `onError` listeners, or to `runtime.report` if there are none. */
  readonly failed: (error: unknown, stage: Stage | "connection") => void
}

export function createEvents(runtime: Runtime): ChannelEvents {
  /** The last resort for an error. If `runtime.report` throws too, nothing is left that could be told. */
  const report = (error: unknown): void => callSafely(() => runtime.report(error))
  const failed = (error: unknown, stage: Stage | "connection"): void => {
    if (!tell(listeners.messages("error"), report, error, stage)) report(error)
  }
  const listenerFailed = (error: unknown): void => failed(error, "listener")
  const listeners = new Handlers<unknown>(listenerFailed)
  return {
    on: (event, listener, options) => listeners.on(event, listener as MessageHandler<unknown>, options), // as it is emitted
    emit: (event, ...args) => void tell(listeners.messages(event), listenerFailed, ...args),
    failed,
  }
}
