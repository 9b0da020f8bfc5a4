import type { ContractOption } from "../messaging/schema-contract.ts"
import type { Runtime } from "../session/runtime.ts"
import type { Dialer, Platform } from "../transports/transport.ts"
import { type Closing, EverwireError } from "../wire/errors.ts"
import type { Store } from "./connect/transport-health.ts"

/** Options of a channel. */
export interface ChannelOptions {
  /**
   * Gives the credentials for `authenticate`, or a promise of them; asked before every climb, so a fresh token is always at
   * hand. What it throws or rejects with reaches `onError`, and it is asked again after a back-off.
   */
  readonly auth?: (() => unknown) | undefined
  /**
   * How long `auth` may take, in milliseconds. Default 10 000. Then `onError` hears a `timeout`, and it is asked again.
   * `Infinity` waits for ever: for an `auth` that asks a person.
   */
  readonly authTimeoutMs?: number | undefined
  /**
   * Whether messages whose fate is unknown when a session could not be resumed are sent again, at the risk that the hub
   * hears them twice. Default `false`. `onReset` is told of them either way, and what never left is always sent.
   */
  readonly resend?: boolean | undefined
  /** Whether cookies go along to another origin. Default `false`. */
  readonly withCredentials?: boolean | undefined
  /** Where to remember which transports work here. Default `localStorage` of browsers and Deno; `null` remembers nothing. */
  readonly store?: Store | null | undefined
  /** Waits before better transports are tried again, in milliseconds. Default 3 s, 30 s, 2 min, then every 10 min. */
  readonly reprobeMs?: readonly number[] | undefined
  /** What one session's unacknowledged messages may hold, in bytes. Default 16 MiB. Above it `send` throws. */
  readonly maxOutboxBytes?: number | undefined
  /** Replaces parts of the platform: a `WebSocket`, an `EventSource` or a `fetch` of one's own. */
  readonly platform?: Platform | undefined
  /** Time and chance. Default: the system's. */
  readonly runtime?: Runtime | undefined
  /** @internal Names of what the channel can do beyond version 1 of the protocol, sorted. None so far. */
  readonly features?: readonly string[] | undefined
}

/** The options, as `checkNames` wants them. */
export const CHANNEL_OPTIONS = {
  contract: "dispatch",
  auth: "function",
  authTimeoutMs: "number",
  resend: "boolean",
  withCredentials: "boolean",
  store: "object",
  reprobeMs: "entries",
  maxOutboxBytes: "number",
  platform: "object",
  runtime: "after",
  features: "entries",
  transports: "entries",
} satisfies Record<keyof (ChannelOptions & ContractOption<unknown>) | "transports", string>

/** What a platform may bring. It is read when dialing, for polyfills come late. */
export const PLATFORM = { openSocket: "", openStream: "", fetch: "" } satisfies Record<keyof Platform, "">

/** The state of a channel. */
export type Status = "connecting" | "open" | "reconnecting" | "closed"

/** What `onStatus` says beside the status. */
export interface StatusDetail {
  /** The transport that carries the talk, when open. */
  readonly transport?: string
  /** Why it is not open. */
  readonly closing?: Closing
  /** When the next climb begins, in milliseconds from now. */
  readonly retryInMs?: number
}

/**
 * A session ended: it could not be resumed, and another has begun, or the channel is closed. What `messages` holds may or
 * may not have been heard by the hub.
 */
export interface Reset {
  readonly closing: Closing
  /**
   * Messages of the session that were never acknowledged, oldest first. Where another session has begun, those that never
   * left are not among them: they are sent in that.
   */
  readonly messages: readonly { readonly name: string; readonly data: unknown }[]
}

/** Where the hub is: its origin, and its URL without a trailing slash. @throws EverwireError `misuse` */
export function checkUrl(url: string | URL): { origin: string; href: string } {
  const { location } = globalThis as { location?: { href: string } } // absent in Node
  let href = ""
  try {
    href = new URL(url, location?.href).href
  } catch {
    // refused below
  }
  // Taken apart by hand: the URL of React Native has no setters, and some of its getters throw.
  const [, scheme, host, path] = /^(?:http|ws)(s?:\/\/)([^/?#@]+)(?:\/+([^?#]*))?$/i.exec(href) ?? []
  // What stands in a URL is written to logs, so nothing that a hub is to know goes there: `auth` gives it.
  if (!host)
    throw new EverwireError(
      "misuse",
      `a hub's URL has a scheme, like http://, and no query, hash or user: "auth" tells more; given: ${url}`,
    )
  const origin = `http${scheme}${host}`
  return { origin, href: `${origin}/${path?.replace(/\/+$/, "") || "everwire"}` }
}

/** @throws EverwireError `misuse` without dialers, with two of one name, or with what is none. */
export function checkDialers(dialers: readonly (Dialer | undefined)[]): void {
  const names = new Set(dialers.flatMap((dialer) => (dialer?.dial ? dialer.name : [])))
  if (names.size === 0 || names.size < dialers.length) {
    throw new EverwireError("misuse", "transports are dialers, each once")
  }
}
