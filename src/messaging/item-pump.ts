/** Items of a stream that may be sent before the first grant of credit. The side that asks grants half of it at a time. */
export const STREAM_CREDIT = 16

/** What a handler can answer with to give items: an async iterable, or a `ReadableStream` of any implementation. */
export type ItemSource<Item> = AsyncIterable<Item> | ReadableStreamLike<Item>

/** The part of `ReadableStream` (WHATWG Streams) that is used. Not every browser makes it an async iterable. */
interface ReadableStreamLike<Item> {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Item | undefined }>
    cancel(reason?: unknown): Promise<void>
  }
}

/** Where items come from. */
export interface Source {
  next(): PromiseLike<{ readonly done?: boolean | undefined; readonly value?: unknown }>
  return?(): PromiseLike<unknown>
}

/** The iterator of what a handler returned. Undefined if that does not give items. */
export function sourceOf(given: unknown): Source | undefined {
  const { [Symbol.asyncIterator]: iterate, getReader } = Object(given) as Partial<
    AsyncIterable<unknown> & ReadableStreamLike<unknown>
  > // both are looked for
  if (iterate) return iterate.call(given) as Source // an async iterator is one
  if (!getReader) return undefined
  const reader = getReader.call(given)
  return { next: () => reader.read(), return: () => reader.cancel() }
}

/** A stream that answers a request here. */
export interface ItemPump {
  /** Resolves when all items were sent; rejects with what the source threw. */
  readonly done: Promise<void>
  /** The other side has room for more items. */
  grant(items: number): void
  /** Nobody wants more items: ends the source, so that the `finally` of a generator runs. */
  stop(): void
}

/**
 * Sends what the source gives. It asks the source for an item only when the other side has granted credit and `writable`
 * has resolved. `credit`: how many items may be sent before a grant.
 */
export function pumpItems(
  source: Source,
  send: (item: unknown) => void,
  writable: () => Promise<void>,
  credit = STREAM_CREDIT,
): ItemPump {
  let isStopped = false
  let wake = (): void => {}
  const run = async (): Promise<void> => {
    for (;;) {
      await writable()
      while (credit === 0 && !isStopped) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (isStopped) return
      const { done, value } = await source.next()
      if (done || isStopped) return
      credit--
      send(value)
    }
  }
  const end = async (): Promise<void> => {
    await source.return?.()
  }
  const done = run().catch(async (error: unknown) => {
    await end().catch(() => {})
    throw error
  })
  return {
    done,
    grant(items) {
      credit += items
      wake()
    },
    stop() {
      isStopped = true
      wake()
      end().catch(() => {}) // nobody waits for the answer, so nobody is told
    },
  }
}
