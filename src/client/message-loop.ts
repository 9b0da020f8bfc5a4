import type { AbortSignalLike } from "../messaging/abort-signal.ts"
import type { Unsubscribe } from "../messaging/subscription.ts"

/**
 * Makes an async generator for `for await` from a subscription. It subscribes at once, so no message is missed before
 * the loop begins. If the subscription ends by itself, the loop still gets the messages that came before. If the loop
 * is left or `signal` fires, messages that wait are dropped.
 */
export function loopOver<Data>(
  subscribe: (heard: (data: Data) => void, ended: () => void) => Unsubscribe,
  signal: AbortSignalLike | undefined,
): AsyncGenerator<Data, void, void> {
  const queue: Data[] = []
  let wake = (): void => {}
  let isOver = false
  const off = subscribe(
    (data) => {
      queue.push(data)
      wake()
    },
    () => {
      isOver = true
      if (signal?.aborted) queue.length = 0
      wake()
    },
  )
  async function* iterate(): AsyncGenerator<Data, void, void> {
    for (;;) {
      while (queue.length > 0) yield queue.shift() as Data // not empty
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
