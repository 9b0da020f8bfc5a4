import { platform as ownPlatform, store as ownStore } from "#platform"
import { checkNames } from "../messaging/option-names.ts"
import type { ContractOption } from "../messaging/schema-contract.ts"
import { systemRuntime } from "../runtimes/system-runtime.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Dialer, Platform } from "../transports/transport.ts"
import type { Codec } from "../wire/codec.ts"
import { type Closing, EverwireError } from "../wire/errors.ts"
import type { AuthReason } from "../wire/handshake.ts"
import type { ConnectorSettings } from "./connect/connector-host.ts"
import { type Store, TransportHealth } from "./connect/transport-health.ts"

/**
 * How long after a worse rung took over the better ones are tried again. The first time is soon, because to a channel
 * that dials in the middle of a deploy the transport looks broken.
 */
const REPROBE_MS: readonly number[] = [3_000, 30_000, 120_000, 600_000]

/** Options of a channel. */
export interface ChannelOptions {
  /**
   * Returns the credentials for `authenticate`, or a promise of them. The channel calls it before every climb (`reason`:
   * `connect`), so that it can return a fresh token. If it throws or rejects, `onError` receives the error, and the
   * channel calls it again after a back-off. The channel also calls it when the hub asks on a link that works, because
   * the principal expires soon (`expiring`): return a token that is valid for longer. If that fails, `onError` receives
   * the error, and the hub ends the link when the principal has expired.
   */
  readonly auth?: ((why: { readonly reason: AuthReason }) => unknown) | undefined
  /**
   * How long `auth` may take, in milliseconds. Default 10 000. After that `onError` receives a `timeout`, and the
   * channel calls `auth` again. `Infinity` sets no limit: for an `auth` that asks a person.
   */
  readonly authTimeoutMs?: number | undefined
  /**
   * Whether messages are sent again in the next session if the last one could not be resumed and the hub may or may not
   * have received them. With `true` the hub may receive such a message twice. Default `false`. `onReset` lists them
   * either way. Messages that were never handed to a link are always sent in the next session.
   */
  readonly resend?: boolean | undefined
  /**
   * How payloads are encoded. Default: JSON. The hub needs the same one among its `codecs`; otherwise the channel closes
   * with `codec-unsupported`.
   */
  readonly codec?: Codec | undefined
  /** Whether requests to another origin carry cookies. Default `false`. */
  readonly withCredentials?: boolean | undefined
  /**
   * Where the channel remembers which transports work here. Default: `localStorage` in browsers and Deno. `null`:
   * nowhere.
   */
  readonly store?: Store | null | undefined
  /**
   * Waits before better transports are tried again, in milliseconds; the last one repeats. Default 3 s, 30 s, 2 min, 10
   * min.
   */
  readonly reprobeMs?: readonly number[] | undefined
  /**
   * How many bytes of messages that are not acknowledged a session may hold. Default 16 MiB. Above it `send` throws.
   */
  readonly maxOutboxBytes?: number | undefined
  /** Replaces parts of the platform, for instance with your own `WebSocket`, `EventSource` or `fetch`. */
  readonly platform?: Platform | undefined
  /** The source of time and random numbers. Default: the system's. */
  readonly runtime?: Runtime | undefined
  /** @internal Names of features beyond version 1 of the protocol, sorted, in place of those that the channel has. */
  readonly features?: readonly string[] | undefined
}

/** The options, as `checkNames` wants them. */
const CHANNEL_OPTIONS = {
  contract: "dispatch",
  auth: "function",
  authTimeoutMs: "number",
  resend: "boolean",
  codec: "decode",
  withCredentials: "boolean",
  store: "object",
  reprobeMs: "entries",
  maxOutboxBytes: "number",
  platform: "object",
  runtime: "after",
  features: "entries",
  transports: "entries",
} satisfies Record<keyof (ChannelOptions & ContractOption<unknown>) | "transports", string>

/**
 * The parts of a platform. Their values are read when dialing, not checked here, because polyfills may be installed
 * later.
 */
const PLATFORM = { openSocket: "", openStream: "", fetch: "" } satisfies Record<keyof Platform, "">

/** The state of a channel. */
export type Status = "connecting" | "open" | "reconnecting" | "closed"

/** Details that `onStatus` gives with the status. */
export interface StatusDetail {
  /** The transport that carries the session. Present when the status is `open`. */
  readonly transport?: string
  /** Why the channel is not open. */
  readonly closing?: Closing
  /** How many milliseconds from now the next climb begins. */
  readonly retryInMs?: number
}

/**
 * A session ended: it could not be resumed and the channel has begun another, or the channel is closed. The hub may or
 * may not have received each of the `messages`.
 */
export interface Reset {
  readonly closing: Closing
  /**
   * Messages of the session that were never acknowledged, oldest first. If the channel has begun another session, it
   * lists only messages that were handed to a link: the others are sent in the new session.
   */
  readonly messages: readonly { readonly name: string; readonly data: unknown }[]
}

/** Returns the hub's origin, and its URL without a trailing slash. @throws EverwireError `misuse` */
export function checkUrl(url: string | URL): { origin: string; href: string } {
  const { location } = globalThis as { location?: { href: string } } // absent in Node
  let href = ""
  try {
    href = new URL(url, location?.href).href
  } catch {
    // `href` stays empty, and the check below throws
  }
  // Parsed with a regular expression: the `URL` of React Native has no setters, and some of its getters throw.
  const [, scheme, host, path] = /^(?:http|ws)(s?:\/\/)([^/?#@]+)(?:\/+([^?#]*))?$/i.exec(href) ?? []
  // A URL may not carry data for the hub, because URLs are written to logs. `auth` is the place for such data.
  if (!host)
    throw new EverwireError(
      "misuse",
      `a hub's URL has a scheme, like http://, and no query, hash or user: "auth" tells more; given: ${url}`,
    )
  const origin = `http${scheme}${host}`
  return { origin, href: `${origin}/${path?.replace(/\/+$/, "") || "everwire"}` }
}

/**
 * Checks all that an application gives to make a channel. Returns what the connector gets of it, with the defaults.
 *
 * @throws EverwireError `misuse`
 */
export function connectorSettings(
  url: string | URL,
  options: ChannelOptions,
  dialers: readonly Dialer[],
): ConnectorSettings {
  checkNames(options, CHANNEL_OPTIONS, "createChannel")
  const { href, origin } = checkUrl(url)
  checkNames(options.platform, PLATFORM, "platform")
  // NaN would be no bound and no wait at all.
  const numbers = [options.maxOutboxBytes ?? 0, options.authTimeoutMs ?? 0, ...(options.reprobeMs ?? [])]
  if (!numbers.every((number) => number >= 0)) {
    throw new EverwireError("misuse", "maxOutboxBytes, authTimeoutMs and reprobeMs are 0 or more")
  }
  const names = new Set(
    dialers.flatMap((dialer: Dialer | undefined) => (dialer?.dial ? dialer.name : [])), // a list of the application's
  )
  if (names.size === 0 || names.size < dialers.length) {
    throw new EverwireError("misuse", "transports are dialers, each once")
  }
  const { store = ownStore() } = options
  return {
    runtime: options.runtime ?? systemRuntime,
    url: href,
    dialers,
    health: new TransportHealth(store, origin),
    withCredentials: options.withCredentials ?? false,
    codec: options.codec?.name,
    reprobeMs: options.reprobeMs ?? REPROBE_MS,
    platform: () => ({ ...ownPlatform(), ...options.platform }),
    auth: (reason) => options.auth?.({ reason }),
    authTimeoutMs: options.authTimeoutMs ?? 10_000,
  }
}
