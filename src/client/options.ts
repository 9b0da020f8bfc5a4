import { type Closing, EverwireError } from "../kernel/errors.ts"
import type { Runtime } from "../kernel/runtime.ts"
import type { Dialer, Platform } from "../transports/transport.ts"
import type { Store } from "./standing.ts"

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
}

/** The names of the options. */
export const CHANNEL_OPTIONS = {
  auth: 1,
  authTimeoutMs: 1,
  resend: 1,
  withCredentials: 1,
  store: 1,
  reprobeMs: 1,
  maxOutboxBytes: 1,
  platform: 1,
  runtime: 1,
  transports: 1,
} satisfies Record<keyof ChannelOptions | "transports", 1>

/** The names of what a platform may bring. */
export const PLATFORM = { openSocket: 1, openStream: 1, fetch: 1 } satisfies Record<keyof Platform, 1>

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
      `a hub's URL is http or https without query, hash or user: "auth" tells more; given: ${url}`,
    )
  const origin = `http${scheme}${host}`
  return { origin, href: `${origin}/${path?.replace(/\/+$/, "") || "everwire"}` }
}

/** @throws EverwireError `misuse` without dialers, or with two of one name. */
export function checkDialers(dialers: readonly Dialer[]): void {
  if (dialers.length === 0 || new Set(dialers.map(({ name }) => name)).size < dialers.length) {
    throw new EverwireError("misuse", "transports are one or more, each once")
  }
}
