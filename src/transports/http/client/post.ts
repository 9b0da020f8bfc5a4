import type { FetchAnswer, FetchInit, Target } from "../../transport.ts"

/** A POST as every request of a channel is made. It may outlive its page, if `keepalive` (Fetch standard, 5.6). */
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
