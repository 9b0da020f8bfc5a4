import type { LinkOrigin } from "../../transports/transport.ts"
import type { Principal } from "../peer.ts"

/** What `authenticate` gets for each hello. */
export interface Credentials {
  /** What the channel's option `auth` gave; `undefined` if it has none. */
  readonly auth: unknown
  /** The request that opened the link. */
  readonly origin: LinkOrigin
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
  return "id" in Object(given) ? `an id that is a ${typeof (given as Principal).id}` : "an object without id"
}

/** Whether `authenticate` returned a principal. Wrong values (`undefined`, `false`) admit nobody. */
export function isPrincipal(given: unknown): given is Principal {
  return typeof (given as Principal | null | undefined)?.id === "string"
}
