import { EverwireError } from "../wire/errors.ts"
import type { SubscribeOptions, Unsubscribe } from "./subscription.ts"

/** Options of `messages()`. */
export interface MessagesOptions extends SubscribeOptions {
  /**
   * Most messages that wait for the loop, 1 or more. Default 10 000. `Infinity` sets no bound. Those of a hub's peer count in
   * its `limits.maxKeptBytes`, too: when that is exceeded, the peers that hold most are closed, and their loops throw
   * `over-capacity`.
   */
  readonly maxWaiting?: number | undefined
  /**
   * What happens when one more message comes. `error` (the default): the loop gets those that wait, and then throws
   * `buffer-full`. `drop-oldest`: the one that has waited longest is dropped. `drop-newest`: the one that comes is dropped.
   */
  readonly overflow?: "error" | "drop-oldest" | "drop-newest" | undefined
}

/**
 * Makes an async generator for `for await` from a subscription. It subscribes at once, so no message is missed before
 * the loop begins. If the subscription ends by itself, the loop still gets the messages that came before. If the loop
 * is left or `signal` fires, or a request is aborted, messages that wait are dropped. With a reason for the end, the loop then throws that.
 *
 * @param subscribe Also given the queue of what waits for the loop. Who empties it drops that.
 * @param taken Called for each message that the loop takes.
 * @throws EverwireError `misuse` if an option has no such value
 */
export function loopOver<Data>(
  subscribe: (
    heard: (data: Data) => void,
    ended: (why?: EverwireError) => void,
    options: SubscribeOptions,
    queue: Data[],
  ) => Unsubscribe,
  given: MessagesOptions | undefined,
  taken?: () => void,
): AsyncGenerator<Data, void, void> {
  const { maxWaiting, overflow, ...options } = given ?? {}
  const most = maxWaiting ?? 10_000
  if (!(most >= 1 && /^(error|drop-(old|new)est)$/.test(overflow ?? "error"))) {
    throw new EverwireError("misuse", "maxWaiting is 1 or more; overflow is error, drop-oldest or drop-newest")
  }
  const queue: Data[] = []
  let wake = (): void => {}
  let isOver = false
  let error: EverwireError | undefined
  const off = subscribe(
    (data) => {
      if (queue.length >= most) {
        if (overflow === "drop-newest") return
        if (overflow !== "drop-oldest") {
          error = new EverwireError("buffer-full", `the loop left ${most} messages waiting`)
          return off()
        }
        queue.shift()
      }
      queue.push(data)
      wake()
    },
    (why) => {
      isOver = true
      error ??= why
      if (options.signal?.aborted || why?.code === "request-aborted") queue.length = 0
      wake()
    },
    options,
    queue,
  )
  async function* iterate(): AsyncGenerator<Data, void, void> {
    for (;;) {
      while (queue.length > 0) {
        const data = queue.shift() as Data // not empty
        taken?.() // may end the session, which empties the queue
        yield data
      }
      if (error) throw error
      if (isOver) return
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  const loop = iterate()
  // While the generator waits for a message, it would not notice `return` or `throw`. So these end the subscription
  // themselves.
  for (const how of ["return", "throw"] as const) {
    const end = loop[how].bind(loop)
    loop[how] = (given: unknown) => {
      queue.length = 0
      off()
      return end(given)
    }
  }
  return loop
}
