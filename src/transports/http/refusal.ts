import { type Closing, closing } from "../../wire/errors.ts"

/**
 * Turns an answer that is not the hub's into a closing. The status is checked before the content type, because proxies
 * send their own errors as web pages. `now` is the wall-clock time, for a `Retry-After` that is a date. `url` is the
 * requested URL.
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

/**
 * Returns `Retry-After` in milliseconds. It has seconds or a date (RFC 9110, 10.2.3); a date is compared with the
 * answer's own `Date`, because the client's clock may be wrong. `NaN`, 0 or less: there is no wait.
 */
function waitOf(headers: { get(name: string): string | null }, now: number): number {
  const retryAfter = headers.get("retry-after") ?? ""
  return Number(retryAfter) * 1_000 || Date.parse(retryAfter) - (Date.parse(headers.get("date") ?? "") || now)
}

function codeOf(status: number): Closing["code"] {
  if (status === 429 || status === 503) return "rate-limited"
  // A browser hides the target of a redirect and reports status 0 (Fetch standard, "opaque-redirect").
  if (/^[03]/.test(`${status}`)) return "redirected"
  return status === 413 ? "too-large" : "refused"
}
