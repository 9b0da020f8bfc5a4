import type { FetchAnswer, FetchInit, Target } from "../../transport.ts"

/**
 * Sends a POST with the settings of all requests of a channel. With `keepalive` it may outlive its page (Fetch
 * standard, 5.6).
 */
export function post(
  { platform, withCredentials }: Target,
  url: string,
  init: Pick<FetchInit, "headers" | "body" | "keepalive" | "signal">,
): Promise<FetchAnswer> {
  const fetch = platform.fetch ?? globalThis.fetch
  return fetch(url, {
    ...init,
    method: "POST",
    credentials: withCredentials ? "include" : "same-origin",
    redirect: "manual",
    cache: "no-store",
  })
}
