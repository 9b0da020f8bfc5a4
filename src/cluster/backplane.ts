/**
 * What joins the processes of a cluster: a bus that carries bytes between them, and a store of small values that
 * expire. Written for Redis, NATS and one machine's processes; write your own by the laws in `everwire/testing`.
 *
 * Whoever uses a backplane expects that the bus may lose messages while its connection is away, and numbers what must
 * not be lost. It must never deliver a message twice, or two messages of one publisher in another order, whatever their
 * topics.
 *
 * A topic or key is at most 200 characters, of which none is a space, `*` or `>`. Promises reject with an EverwireError
 * `backplane-unavailable` if the store does not answer within its deadline; whether the change was made is not known then.
 */
export interface Backplane {
  /**
   * Sends bytes to all who are subscribed to the topic, in this process too. It never throws and never waits. While the
   * connection is away it drops what exceeds its bound, or all.
   */
  publish(topic: string, data: Uint8Array): void
  /**
   * Calls `hear` with what is published from the moment on at which the promise resolves. Returns the function that ends
   * the subscription at once. A subscription outlives a lost connection.
   */
  subscribe(topic: string, hear: (data: Uint8Array) => void): Promise<() => void>
  /** The value of a key, or undefined. */
  read(key: string): Promise<string | undefined>
  /**
   * Changes the value of a key if it still is `from` (undefined: the key is absent). `to` undefined removes it. The value
   * expires `ttlMs` milliseconds after the last change. Returns the value that the key has afterwards: `to` if it was
   * changed, or already was `to`.
   */
  compareAndSet(
    key: string,
    from: string | undefined,
    to: string | undefined,
    ttlMs: number,
  ): Promise<string | undefined>
  /**
   * Takes a lease, or renews it for its holder. Returns whether `holder` has it now, for `ttlMs` milliseconds. A holder
   * that has not renewed in time must assume that another one has it.
   */
  lease(key: string, holder: string, ttlMs: number): Promise<boolean>
  /** Gives a lease back, if `holder` has it. */
  release(key: string, holder: string): Promise<void>
  /**
   * Adds entries to a log if the value of `fence.key` is `fence.value` at that moment: all of them or none. The log
   * expires `ttlMs` milliseconds after the last append. Returns whether they were added.
   */
  append(
    log: string,
    entries: readonly Uint8Array[],
    fence: { readonly key: string; readonly value: string },
    ttlMs: number,
  ): Promise<boolean>
  /** All entries of a log, oldest first. */
  entries(log: string): Promise<readonly Uint8Array[]>
  /** Removes a log. */
  drop(log: string): Promise<void>
  /**
   * Calls back when the connection to the other processes is lost (`false`) and when it is there again (`true`): what was
   * published meanwhile may be lost. Returns the function that ends this.
   */
  onConnected(listener: (isConnected: boolean) => void): () => void
  /** Releases what the backplane itself opened. A client that the application passed in stays open. */
  close(): Promise<void>
}
