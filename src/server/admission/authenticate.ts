import type { LinkOrigin } from "../../transports/transport.ts"
import type { Principal } from "../peer.ts"

/** What is judged when a link says hello. */
export interface Credentials {
  /** What the channel's `auth` gave; `undefined` when it has none. */
  readonly auth: unknown
  /** The request that opened the link. */
  readonly origin: LinkOrigin
}

/**
 * Says who it is, `null` to refuse. A promise may be given; a throw refuses, with the message of an EverwireError. It has
 * five seconds from when the link opened: then `onError` hears a `timeout`, and the channel tries again.
 */
export type Authenticate<P extends Principal = Principal> = (
  credentials: Credentials,
) => P | null | PromiseLike<P | null>

/** What `authenticate` gave in place of a principal. Its values may be secrets. */
export function describe(given: unknown): string {
  if (typeof given !== "object") return typeof given
  return "id" in Object(given) ? `an id that is a ${typeof (given as Principal).id}` : "an object without id"
}

/** Whether `authenticate` said who it is. What an untyped one may give instead (`undefined`, `false`) lets nobody in. */
export function isPrincipal(given: unknown): given is Principal {
  return typeof (given as Principal | null | undefined)?.id === "string"
}
