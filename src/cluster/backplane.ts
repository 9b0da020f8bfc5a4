/**
 * What joins the processes of a cluster: a bus that carries bytes between them, and a store of small values that
 * expire. There is one for the processes of one machine, one for Redis and one for NATS. To write your own, see
 * docs/backplanes.md; `backplaneLaws` of `everwire/testing` checks it.
 *
 * **The bus may lose messages** while its connection is away, when a process reads slower than the others write, and
 * while a process is stopped. The cluster numbers what must not be lost, and asks again. The bus must never deliver a
 * message twice, and must deliver what one process has published in the order in which it was published, whatever the
 * topics. Between two processes there is no order.
 *
 * **The store** changes one value at a time, at one place, for all processes: of two calls one comes first.
 *
 * A topic, a key, a log's name and a holder have 1 to 200 characters of `A-Z a-z 0-9 _ - . : / =`. A value has at most
 * 64 KiB. `ttlMs` is a number of milliseconds from 1 to 2,147,483,647. A call that breaks this, and any call after `close`,
 * is `misuse`: `publish` and `onConnected` throw it, and the promises of the others reject with it.
 *
 * Promises reject with an EverwireError `backplane-unavailable`, which is retryable, if the store cannot be reached or does
 * not answer within the backplane's deadline. Whether the change was made is not known then, and it may still be made
 * later.
 */
export interface Backplane {
  /**
   * Sends bytes to all that are subscribed to the topic, in this process too. Nobody hears them before the call has
   * returned. It never waits and never throws but for misuse. While the connection is away, or when more waits for it
   * than the backplane's bound, what is published is dropped.
   *
   * @param data any bytes, 1 MiB and more. They must not be changed afterwards: they may be sent later.
   */
  publish(topic: string, data: Uint8Array): void
  /**
   * Calls `hear` with all that is published on the topic after the promise has resolved, and perhaps with what was
   * published shortly before. The bytes belong to all subscribers of the process: read them and do not change them. What
   * `hear` throws goes to the runtime's `report`. A subscription outlives a lost connection.
   *
   * @returns the function that ends the subscription: `hear` is not called again, not even with what is on its way.
   */
  subscribe(topic: string, hear: (data: Uint8Array) => void): Promise<() => void>
  /** The value of a key. Undefined if there is none, or it has expired. */
  read(key: string): Promise<string | undefined>
  /**
   * Changes the value of a key if it still is `from`. `from` undefined means that there is none, `to` undefined removes
   * it. The value expires `ttlMs` after the last change; `from` and `to` may be the same value, which then lives longer.
   *
   * @returns the value that the key has afterwards. It is `to` if this call has changed it, and also if it was `to`
   * already: so a call that was not answered can be repeated. Any other value is that of somebody else, who was first.
   */
  compareAndSet(
    key: string,
    from: string | undefined,
    to: string | undefined,
    ttlMs: number,
  ): Promise<string | undefined>
  /**
   * Takes a lease that nobody has, or renews it for the one that has it.
   *
   * @returns whether `holder` has it now, for `ttlMs` from some moment between the call and the answer. A holder counts
   * from its call: one that has not renewed in time must assume that another has the lease.
   */
  lease(key: string, holder: string, ttlMs: number): Promise<boolean>
  /** Gives a lease back, if `holder` has it. Leases and values have separate keys. */
  release(key: string, holder: string): Promise<void>
  /**
   * Adds entries at the end of a log if the value of `fence.key` is `fence.value` at that moment: all of them or none, and
   * next to each other. The log expires as a whole, `ttlMs` after the last append. With no entries it only lives longer.
   *
   * @returns whether they were added.
   */
  append(
    log: string,
    entries: readonly Uint8Array[],
    fence: { readonly key: string; readonly value: string },
    ttlMs: number,
  ): Promise<boolean>
  /** All entries of a log, oldest first. None if it was dropped, has expired or never was. */
  entries(log: string): Promise<readonly Uint8Array[]>
  /** Removes a log with all its entries. */
  drop(log: string): Promise<void>
  /**
   * Calls back with `false` when the connection is lost or messages had to be dropped, and with `true` when it is there
   * again and all subscriptions are in force. A listener hears changes alone; a new backplane counts as connected.
   *
   * What was published meanwhile may be lost, both ways. A bus of several servers may lose messages between two processes
   * without telling either: do not rely on this alone.
   *
   * @returns the function that ends this.
   */
  onConnected(listener: (isConnected: boolean) => void): () => void
  /**
   * Optional, for a store that notices at once when a process ends. Leaves a message there, which is published on the topic
   * when this process has ended, behind all that it had published; not when it has merely lost its connection. A process
   * whose store has no such thing counts as dead when the others have heard nothing of it for 6 s.
   *
   * @returns the function that takes the message back.
   */
  readonly will?: ((topic: string, data: Uint8Array) => () => void) | undefined
  /**
   * Ends all subscriptions and calls, and releases what the backplane itself has opened. A client that the application has
   * passed in stays open. A second call does nothing.
   */
  close(): Promise<void>
}
