import { type Closing, closing, closingError } from "../wire/errors.ts"

/** The promises that a channel gave and has not settled. */
export interface Waiters {
  /**
   * Resolves when `done` returns true. Rejects when the session ends first, or when one of its packets up to `number` is
   * withdrawn. With -1 neither rejects it, but only the end of the channel.
   */
  when(done: () => boolean, number?: number): Promise<void>
  /** Something changed. `why`: the session ended, or the packet with the number `from` was withdrawn. */
  wake(why?: Closing, from?: number): void
}

export function createWaiters(isClosed: () => boolean): Waiters {
  /** Each returns true when it has settled its promise. */
  let waiters: ((why?: Closing, from?: number) => boolean)[] = []
  return {
    when: (done, number = 0) =>
      new Promise((resolve, reject) => {
        const look = (why?: Closing, from = 0): boolean => {
          if (done()) resolve()
          else if ((why && number >= from) || isClosed()) {
            reject(closingError(why ?? closing("closed", "the channel is closed: create a new one", false)))
          } else return false
          return true
        }
        if (!look()) waiters.push(look)
      }),
    wake(why, from) {
      waiters = waiters.filter((look) => !look(why, from))
    },
  }
}
