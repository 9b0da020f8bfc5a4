import type { Delivery } from "../session/delivery/delivery.ts"
import { EverwireError } from "../wire/errors.ts"
import { checkNames } from "./option-names.ts"

/**
 * How a message is delivered. Without options it is reliable: delivered exactly once, however long that takes. A message
 * with options may be dropped. What is delivered keeps the order in which it was sent, whatever its options.
 */
export interface SendOptions {
  /**
   * The message goes at once or not at all. It is dropped if there is no connection, or if that takes no more at the end
   * of this tick, and it is not repeated after the connection broke. Not together with `ttlMs`.
   */
  readonly volatile?: boolean | undefined
  /**
   * Only the newest message with this name and key matters: one that waits is dropped when a newer one is sent, and the
   * newer one takes its place at the end of the queue.
   */
  readonly latest?: string | undefined
  /** The message is dropped if it was not handed to a connection within this time, in milliseconds. */
  readonly ttlMs?: number | undefined
}

/** The options for `checkNames`. */
const SEND_OPTIONS = { volatile: "boolean", latest: "string", ttlMs: "number" } satisfies Record<
  keyof SendOptions,
  string
>

/** Undefined for a reliable message. @throws EverwireError `misuse` */
export function deliveryOf(name: string, options: SendOptions | undefined, now: number): Delivery | undefined {
  checkNames(options, SEND_OPTIONS, "send")
  const { volatile, latest, ttlMs } = options ?? {}
  if (ttlMs != null && (volatile || !(ttlMs >= 0 && ttlMs < Infinity)))
    throw new EverwireError("misuse", `ttlMs is a number of milliseconds from 0 on, and not for a volatile message`)
  const key = latest == null ? undefined : `${name}\t${latest}` // a name has no tab
  const until = ttlMs == null ? undefined : now + ttlMs
  return volatile || key !== undefined || until !== undefined ? { volatile, key, until } : undefined
}
