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

/** The argument that a handler of requests gets after the context. */
export interface RequestContext<Item = unknown> {
  /**
   * Fires when the other side stops waiting for the answer. It is made when it is first read, so unread it costs
   * nothing.
   */
  readonly signal: PlatformSignal
  /**
   * The items that the other side sends along with the request, its option `input`; none if it sends none. They are asked for
   * when this is first read, and then only as the loop takes them, up to 16 ahead. To leave the loop ends the other side's
   * source. Read it before you answer: after that nothing comes.
   *
   * @throws EverwireError in the loop: the code that the source failed with, `request-aborted` when the other side stops
   * waiting or the request is answered, or why the session ended
   */
  readonly input: AsyncGenerator<Item, void, void>
}

export type MessageHandler<Context> = (data: unknown, context: Context) => unknown
export type RequestHandler<Context> = (data: unknown, context: Context, request: RequestContext) => unknown

/** Handlers by name. A `Map`, not an object, so that a message may be called `constructor`. */
export class Handlers<Context> {
  /** For each name a list that is replaced, never changed, so handlers may come and go during a call. */
  #lists: Map<string, readonly Subscription<AnyFunction>[]> | undefined
  /** Receives what a signal throws. */
  readonly #failed: (error: unknown) => void
  /** Whether `close` was called. */
  #isOver = false

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /**
   * @param ended Called when the subscription ends.
   * @throws EverwireError `misuse` if the name is invalid, and as {@link subscribe}.
   */
  on(name: string, handler: MessageHandler<Context>, options?: SubscribeOptions, ended?: () => void): Unsubscribe {
    return this.#subscribe(name, name, handler, options, ended)
  }

  /** @throws EverwireError `misuse` as `on`, and if the name has a handler: a request gets one answer. */
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

  /**
   * Ends all subscriptions, because nothing arrives any more. So a signal that lives on keeps none of them in memory.
   */
  close(): void {
    this.#isOver = true
    for (const list of this.#lists?.values() ?? []) for (const { end } of list) end()
  }

  messages(name: string): readonly Subscription<MessageHandler<Context>>[] {
    return this.#list(name) as readonly Subscription<MessageHandler<Context>>[] // `on` added them with this type
  }

  request(name: string): RequestHandler<Context> | undefined {
    return this.#list(OF_REQUESTS + name)[0]?.handler as RequestHandler<Context> | undefined // `handle` added it so
  }

  #list(key: string): readonly Subscription<AnyFunction>[] {
    return this.#lists?.get(key) ?? NOBODY
  }
}

/** Put before the name of a request in `#lists`, to keep it apart from messages. No valid name contains a tab. */
const OF_REQUESTS = "\t"

const NOBODY: readonly never[] = []
