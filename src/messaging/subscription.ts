import { callSafely } from "../session/call-safely.ts"
import { checkFunction } from "../wire/packet.ts"
import { type AbortSignalLike, whenAborted } from "./abort-signal.ts"
import { checkNames } from "./option-names.ts"

/** Cancels a subscription. Calling it again does nothing. */
export type Unsubscribe = () => void

/** Options of `on` and similar methods, named as those of the web's `addEventListener`. */
export interface SubscribeOptions {
  /** Ends the subscription when it fires. If it has fired already, the subscription ends at once. */
  readonly signal?: AbortSignalLike | undefined
  /** Whether the subscription ends just before its first call. Default `false`. */
  readonly once?: boolean | undefined
}

const SUBSCRIBE_OPTIONS = { once: "boolean", signal: "addEventListener" } satisfies Record<
  keyof SubscribeOptions,
  string
>

export type AnyFunction = (...args: never) => unknown

/** One call of `on`. If the same function is subscribed twice, each subscription is called and cancelled separately. */
export interface Subscription<Handler extends AnyFunction> {
  /** Undefined once it is cancelled: then it is not called again, not even for an event that is being delivered. */
  handler: Handler | undefined
  /** Removes the subscription and its listener on the signal. An event that is being delivered still reaches it. */
  end(): void
}

/**
 * The one way to subscribe to any event of a channel, a hub or a peer. `add` stores the subscription and returns a
 * function that removes it, which may be called twice.
 *
 * @param failed Receives what the signal throws.
 * @throws EverwireError `misuse` if the handler is not a function, an option does not exist, or the signal is not a
 * signal.
 */
export function subscribe<Handler extends AnyFunction>(
  handler: Handler,
  options: SubscribeOptions | undefined,
  failed: (error: unknown) => void,
  add: (subscription: Subscription<Handler>) => () => void,
): Unsubscribe {
  checkFunction(handler)
  checkNames(options, SUBSCRIBE_OPTIONS, "a subscription")
  const end = (): void => {
    remove()
    forget()
  }
  const off = (): void => {
    subscription.handler = undefined
    end()
  }
  const callOnce = (...args: never): unknown => {
    off()
    return handler(...args)
  }
  const subscription: Subscription<Handler> = { handler: options?.once ? (callOnce as Handler) : handler, end }
  const forget = whenAborted(options?.signal, off, failed)
  const remove = add(subscription)
  if (options?.signal?.aborted) off()
  return off
}

/**
 * Calls all handlers in the list with `args`. Returns whether the list has any. If a handler throws, or its promise
 * rejects, the error goes to `failed` and the other handlers are still called.
 */
export function tell(
  subscriptions: readonly Subscription<AnyFunction>[],
  failed: (error: unknown) => void,
  ...args: readonly unknown[]
): boolean {
  for (const subscription of subscriptions) {
    callSafely(() => subscription.handler?.(...(args as never)), failed) // the types of `emit` guarantee the arguments
  }
  return subscriptions.length > 0
}
