import { callSafely } from "../session/call-safely.ts"
import { checkFunction } from "../wire/packet.ts"
import { type AbortSignalLike, whenAborted } from "./abort-signal.ts"
import { checkNames } from "./option-names.ts"

/** Cancels a subscription. Calling it again does nothing. */
export type Unsubscribe = () => void

/** Options of `on` and of its kin, as `addEventListener` of the web has them. */
export interface SubscribeOptions {
  /** Ends the subscription when it fires. One that has fired already begins none. */
  readonly signal?: AbortSignalLike | undefined
  /** Whether the subscription ends with the first call, just before it. Default `false`. */
  readonly once?: boolean | undefined
}

const SUBSCRIBE_OPTIONS = { once: "boolean", signal: "addEventListener" } satisfies Record<
  keyof SubscribeOptions,
  string
>

export type AnyFunction = (...args: never) => unknown

/** One call of `on`. The same function may be subscribed twice: each subscription is called, and cancelled, on its own. */
export interface Subscription<Handler extends AnyFunction> {
  /** Undefined once it is cancelled: then it is not called any more, not even for what is being told at that moment. */
  handler: Handler | undefined
  /** Nothing comes for it any more: it is not found again, and its signal lets go of it. What is being told still reaches it. */
  end(): void
}

/**
 * The one way to subscribe to anything of a channel, a hub or a peer. `add` puts the subscription where it will be found,
 * and returns what removes it from there, which may be called twice.
 *
 * @param failed Told what the signal throws.
 * @throws EverwireError `misuse` on what is no function, on options that do not exist, and on what is no signal.
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
  const subscription: Subscription<Handler> = { handler: options?.once ? (callOnce as Handler) : handler, end } // both take the same
  const forget = whenAborted(options?.signal, off, failed)
  const remove = add(subscription)
  if (options?.signal?.aborted) off()
  return off
}

/**
 * Calls everybody in the list with what they take, and answers whether there is anybody. What one of them throws, or
 * rejects with, goes to `failed` and keeps none of the others from being called.
 */
export function tell(
  subscriptions: readonly Subscription<AnyFunction>[],
  failed: (error: unknown) => void,
  ...args: readonly unknown[]
): boolean {
  for (const subscription of subscriptions) {
    callSafely(() => subscription.handler?.(...(args as never)), failed) // those who emit an event type what it brings
  }
  return subscriptions.length > 0
}
