import { type Closing, closing } from "../kernel/errors.ts"

/** Which pages may speak to the hub. */
export interface OriginPolicy {
  /**
   * Origins beside the hub's own host, exactly as browsers write them (`https://app.example`). `"*"` lets every page in,
   * without cookies.
   */
  readonly origins: readonly string[] | "*"
  /** Whether a request with cookies is let in that names neither an Origin nor, in any other way, the page it is from. */
  readonly allowCookiesWithoutOrigin: boolean
}

/** What the check looks at: a request of any kind, upgrade or not. */
export interface OriginHeaders {
  header(name: string): string | undefined
}

/**
 * The one Origin check (RFC 6454; OWASP ASVS 4.4.2) that every door goes through: upgrades, streams, polls, posts and
 * preflights. Cross-site requests carry cookies on all of them in some engine, so none may skip it.
 */
export function checkOrigin(request: OriginHeaders, policy: OriginPolicy): Closing | undefined {
  const origin = request.header("origin")
  if (origin === undefined) {
    if (request.header("cookie") === undefined || policy.allowCookiesWithoutOrigin) return undefined
    return isSameOrigin(request) ? undefined : refuse("a request with cookies names no Origin")
  }
  if (policy.origins === "*") {
    return request.header("cookie") === undefined ? undefined : refuse("cookies do not go with any origin")
  }
  if (policy.origins.includes(origin)) return undefined
  return isOwnHost(request, origin) ? undefined : refuse("this origin is not allowed here")
}

/**
 * Browsers name no Origin when a page opens an EventSource on its own host. What they say instead cannot be set by a
 * page: `Sec-Fetch-Site` (Fetch Metadata, to trustworthy hosts) or, on plain http, a Referer.
 */
function isSameOrigin(request: OriginHeaders): boolean {
  const site = request.header("sec-fetch-site")
  if (site !== undefined) return site === "same-origin"
  const referer = request.header("referer")
  return referer !== undefined && isOwnHost(request, referer)
}

function isOwnHost(request: OriginHeaders, url: string): boolean {
  const host = hostOf(url)
  return host !== undefined && host === request.header("host")?.toLowerCase()
}

/** The CORS headers (Fetch standard, section 3.2) of an answer to an origin that passed the check, if there is one. */
export function corsHeaders(request: OriginHeaders, policy: OriginPolicy): Record<string, string> | undefined {
  const origin = request.header("origin")
  if (origin === undefined) return undefined
  if (policy.origins === "*") return { "access-control-allow-origin": "*" }
  return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true", vary: "Origin" }
}

/** Host and port of a URL of the web; undefined for `null` and for what is none. */
function hostOf(url: string): string | undefined {
  try {
    const { protocol, host } = new URL(url)
    return /^https?:$/.test(protocol) ? host : undefined
  } catch {
    return undefined
  }
}

function refuse(reason: string): Closing {
  return closing("origin-refused", reason, false)
}
