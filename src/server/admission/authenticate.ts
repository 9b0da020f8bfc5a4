import type { LinkOrigin } from "../../transports/transport.ts"
import type { AuthReason } from "../../wire/handshake.ts"
import type { Principal } from "../peer.ts"

/** What `authenticate` gets for each hello, and for credentials that the hub has asked for before a principal expires. */
export interface Credentials {
  /** What the channel's option `auth` gave; `undefined` if it has none. */
  readonly auth: unknown
  /** The request that opened the link. With `expiring`: the one that opened the link which was welcomed last. */
  readonly origin: LinkOrigin
  /** `connect` for a hello. `expiring` if the hub asked for fresh credentials on a link that works. */
  readonly reason: AuthReason
}

/**
 * Returns the principal of a channel, or `null` to refuse it. It may return a promise. A throw refuses, with the
 * message of an EverwireError. The deadline is five seconds after the link opened: then `onError` gets a `timeout`, and
 * the channel tries again.
 */
export type Authenticate<P extends Principal = Principal> = (
  credentials: Credentials,
) => P | null | PromiseLike<P | null>

/** Describes a wrong return value of `authenticate` by its type only, because the values may be secrets. */
export function describe(given: unknown): string {
  if (typeof given !== "object") return typeof given
  const { id, expiresAt } = Object(given) as { id?: unknown; expiresAt?: unknown } // what is wrong is of any type
  if (typeof id !== "string") return "id" in Object(given) ? `an id that is a ${typeof id}` : "an object without id"
  return `an expiresAt that is ${typeof expiresAt === "number" ? "NaN" : `a ${typeof expiresAt}`}`
}

/** Whether `authenticate` returned a principal. Wrong values (`undefined`, `false`) admit nobody. */
export function isPrincipal(given: unknown): given is Principal {
  const { id, expiresAt } = Object(given) as { id?: unknown; expiresAt?: unknown } // of any type until it is checked
  return (
    typeof id === "string" && (expiresAt === undefined || (typeof expiresAt === "number" && !Number.isNaN(expiresAt)))
  )
}
