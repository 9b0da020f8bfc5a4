import { EverwireError } from "../wire/errors.ts"
import { checkName } from "../wire/packet.ts"
import type { PlatformSignal } from "./abort-signal.ts"
import {
  type AnyFunction,
  type SubscribeOptions,
  type Subscription,
  subscribe,
  type Unsubscribe,
} from "./subscription.ts"

/** What a handler of requests is given beside the data. */
export interface RequestContext {
  /** Fires when the other side no longer waits. Looked at, it costs an AbortController; not looked at, nothing. */
  readonly signal: PlatformSignal
}

export type MessageHandler<Context> = (data: unknown, context: Context) => unknown
export type RequestHandler<Context> = (data: unknown, context: Context, request: RequestContext) => unknown

/** Handlers by name. A Map, never an object: a message called `constructor` is a message. */
export class Handlers<Context> {
  /** Lists that are never changed, so that a handler may come or go while they are called. Requests are below `keyOf`. */
  #lists: Map<string, readonly Subscription<AnyFunction>[]> | undefined
  /** Told what a signal throws. */
  readonly #failed: (error: unknown) => void
  /** Nothing comes any more. */
  #isOver = false

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /**
   * @param ended Called when the subscription ends.
   * @throws EverwireError `misuse` on a name that is none, and as {@link subscribe}.
   */
  on(name: string, handler: MessageHandler<Context>, options?: SubscribeOptions, ended?: () => void): Unsubscribe {
    return this.#subscribe(name, name, handler, options, ended)
  }

  /** @throws EverwireError `misuse` as `on`, and when the name is taken: two answers to one question cannot both be sent. */
  handle(name: string, handler: RequestHandler<Context>, options?: SubscribeOptions): Unsubscribe {
    if (this.request(name)) throw new EverwireError("misuse", `"${name}" has a handler already: remove that first`)
    return this.#subscribe(OF_REQUESTS + name, name, handler, options)
  }

  #subscribe<Handler extends AnyFunction>(
    key: string,
    name: string,
    handler: Handler,
    options: SubscribeOptions | undefined,
    ended?: () => void,
  ): Unsubscribe {
    checkName(name)
    this.#lists ??= new Map()
    const lists = this.#lists
    const off = subscribe(handler, options, this.#failed, (subscription: Subscription<Handler>) => {
      lists.set(key, [...this.#list(key), subscription])
      return () => {
        const left = this.#list(key).filter((other) => other !== subscription)
        if (left.length > 0) lists.set(key, left)
        else lists.delete(key)
        ended?.()
      }
    })
    if (this.#isOver) off()
    return off
  }

  /** Nothing comes any more: ends all subscriptions, so that a signal which lives on keeps nothing of them. */
  close(): void {
    this.#isOver = true
    for (const list of this.#lists?.values() ?? []) for (const { end } of list) end()
  }

  messages(name: string): readonly Subscription<MessageHandler<Context>>[] {
    return this.#list(name) as readonly Subscription<MessageHandler<Context>>[] // as `on` has put them there
  }

  request(name: string): RequestHandler<Context> | undefined {
    return this.#list(OF_REQUESTS + name)[0]?.handler as RequestHandler<Context> | undefined // as `handle` has put it there
  }

  #list(key: string): readonly Subscription<AnyFunction>[] {
    return this.#lists?.get(key) ?? NOBODY
  }
}

/** Leads the name of a handler of requests. No name has a tab. */
const OF_REQUESTS = "\t"

const NOBODY: readonly never[] = []
