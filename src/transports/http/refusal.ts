import { type Closing, closing } from "../../wire/errors.ts"

/**
 * What it means that an answer is not the hub's. Its status is judged before its type: what proxies say of themselves comes
 * as a web page. `now` is the time of day, for a `Retry-After` that is a date. `url` is what was asked.
 */
export function refusal(
  status: number,
  headers: { get(name: string): string | null },
  now: number,
  url: string,
): Closing {
  const where = headers.get("location") ?? url
  const isPage = headers.get("content-type")?.includes("html")
  // 511: RFC 6585, section 6.
  const why =
    status === 511 || (isPage && status < 300)
      ? closing("captive-portal", `a web page came instead of an answer: ${where}`)
      : closing(codeOf(status), `answered with status ${status}: ${where}`)
  const retryAfterMs = waitOf(headers, now)
  return retryAfterMs > 0 ? { ...why, retryAfterMs } : why
}

/** A `Retry-After` in milliseconds: seconds, or a date (RFC 9110, 10.2.3) by the clock that wrote it. `NaN` or less than 0 for none. */
function waitOf(headers: { get(name: string): string | null }, now: number): number {
  const retryAfter = headers.get("retry-after") ?? ""
  return Number(retryAfter) * 1_000 || Date.parse(retryAfter) - (Date.parse(headers.get("date") ?? "") || now)
}

function codeOf(status: number): Closing["code"] {
  if (status === 429 || status === 503) return "rate-limited"
  // A browser hides where a redirect leads, and gives 0 for its status (Fetch standard, "opaque-redirect").
  if (/^[03]/.test(`${status}`)) return "redirected"
  return status === 413 ? "too-large" : "refused"
}
