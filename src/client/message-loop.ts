import type { AbortSignalLike } from "../messaging/abort-signal.ts"
import type { Unsubscribe } from "../messaging/subscription.ts"

/**
 * What a subscription hears, for `for await`. It is made at once, so that nothing is missed before the loop begins. Where it
 * ends by itself, what has come before is still given; where the loop is left, or the signal has fired, it is dropped.
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
  // The generator itself would not hear of these while it waits for a message.
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
