import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import { type Arrival, type Asked, askedOf, type Trust } from "./trust-proxy.ts"

/** Which pages may connect to the hub, and under which host names. */
export interface OriginPolicy {
  /**
   * Allowed origins other than the hub's own host, as `readOrigin` writes them. `"*"` allows every page, without
   * cookies.
   */
  readonly origins: ReadonlySet<string> | "*"
  /**
   * Host names that requests may use for the hub. Undefined if the option was not given: then every name is allowed.
   */
  readonly hosts: readonly string[] | undefined
  /**
   * Host names whose pages count as the hub's own. Undefined if neither `hosts` nor a list of `origins` was given: then
   * every name does.
   */
  readonly ownHosts: readonly string[] | undefined
  /** Whether a request with cookies is allowed if neither an Origin nor another header says which page sent it. */
  readonly allowCookiesWithoutOrigin: boolean
}

/** The hub's own host and protocol, as the client knows them. */
type Own = Pick<Asked, "host" | "protocol">

/**
 * Reads the options into a policy. @throws EverwireError `misuse` on an entry that no origin or host could match, or on
 * options that contradict each other
 */
export function readPolicy(
  origins?: readonly string[] | "*",
  allowCookiesWithoutOrigin = false,
  given?: readonly string[],
): OriginPolicy {
  if (given !== undefined && !Array.isArray(given)) {
    throw new EverwireError("misuse", `hosts is a list, like ["hub.example"]; given: ${typeof given}`)
  }
  const hosts = given?.map(readHost)
  if (origins === undefined) return { origins: new Set(), allowCookiesWithoutOrigin, hosts, ownHosts: hosts }
  if (origins === "*") {
    if (!allowCookiesWithoutOrigin) return { origins, allowCookiesWithoutOrigin, hosts, ownHosts: hosts }
    throw new EverwireError("misuse", 'origins "*" lets no cookies in; allowCookiesWithoutOrigin contradicts it')
  }
  if (!Array.isArray(origins)) {
    throw new EverwireError(
      "misuse",
      `origins is "*" or a list, like ["https://app.example"]; given: ${typeof origins === "string" ? origins : typeof origins}`,
    )
  }
  const entries = origins.map(readEntry)
  const ownHosts = hosts ?? entries.flatMap((entry) => nameOf(entry.slice(entry.indexOf("//") + 2)) ?? [])
  return { origins: new Set(entries), allowCookiesWithoutOrigin, hosts, ownHosts }
}

/**
 * The one Origin check (RFC 6454; OWASP ASVS 4.4.2), for upgrades, streams, polls, posts and preflights. Some browser
 * engine sends cookies with each of these across sites, so none of them may skip it. Returns why the request is
 * refused, if it is.
 */
export function checkOrigin(request: Arrival, policy: OriginPolicy, trust?: Trust): Closing | undefined {
  const origin = request.header("origin")
  const isLetIn = request.header("cookie") === undefined || policy.allowCookiesWithoutOrigin
  if (origin === undefined && isLetIn && policy.ownHosts === undefined) return undefined
  const own = ownOf(request, trust)
  if (policy.hosts !== undefined && !isNamed(own.host, policy.hosts)) {
    return refuse(`the host asked for, ${cut(own.host ?? "none")}, is not in "hosts"`)
  }
  const isOwnName = policy.ownHosts === undefined || isNamed(own.host, policy.ownHosts)
  if (origin === undefined) {
    if (isLetIn ? isOwnName || !isOfPage(request) : isOwnName && isSameOrigin(request, own)) return undefined
    return refuse(isLetIn ? unknownHost(own) : "a request with cookies names no Origin")
  }
  if (policy.origins === "*") {
    return request.header("cookie") === undefined ? undefined : refuse('cookies do not go with the origins "*"')
  }
  const read = readOrigin(origin)
  if (read !== undefined && policy.origins.has(read)) return undefined
  if (isOwn(origin, own) || (read !== undefined && isOwn(read, own))) {
    if (!isOwnName) return refuse(unknownHost(own))
    // The browser knows the scheme that the page used. A proxy that terminates TLS may not forward it to the hub.
    const site = request.header("upgrade") === undefined ? request.header("sec-fetch-site") : undefined
    if (site === undefined || site === "same-origin") return undefined
  }
  const { host = "none", protocol } = own
  const where = protocol === undefined ? host : `${protocol}://${host}`
  return refuse(
    `the page's origin ${cut(origin)} is neither that of the host asked for, ${cut(where)}, nor in "origins"`,
  )
}

/**
 * The hub's host and protocol as the client used them. The hub believes any client's `X-Forwarded-Proto: https`: a
 * false one can only turn pages without TLS into other origins, which are then refused.
 */
function ownOf(request: Arrival, trust: Trust | undefined): Own {
  const { host, protocol } = askedOf(request, trust)
  const isTold = /^\s*(https|wss)\b/i.test(request.header("x-forwarded-proto") ?? "")
  return { host, protocol: protocol ?? (isTold ? "https" : undefined) }
}

/**
 * Whether a page in a browser sent the request. Such a page may use a domain of its own that resolves to the hub (DNS
 * rebinding).
 */
function isOfPage(request: Arrival): boolean {
  return request.header("sec-fetch-site") !== undefined || request.header("referer") !== undefined
}

function unknownHost({ host = "none" }: Own): string {
  return `the host asked for, ${cut(host)}, is neither in "hosts" nor that of one in "origins"`
}

/**
 * Browsers send no Origin when a page opens an EventSource on its own host. They send `Sec-Fetch-Site` (Fetch Metadata,
 * only to trustworthy hosts) or, over plain http, a Referer. A page cannot set either of them.
 */
function isSameOrigin(request: Arrival, own: Own): boolean {
  const site = request.header("sec-fetch-site")
  if (site !== undefined) return site === "same-origin"
  const [page] = /^https?:\/\/[^/?#]*/i.exec(request.header("referer") ?? "") ?? []
  const read = page === undefined ? undefined : readOrigin(page)
  return read !== undefined && isOwn(read, own)
}

/**
 * Whether a page's origin is that of the hub. A Host without a port has the default port of the origin's scheme,
 * because the hub often does not know whether the client used TLS. If it knows that the client did, a page without TLS
 * is another origin: anybody on the network may have changed that page.
 */
function isOwn(origin: string, { host, protocol }: Own): boolean {
  const [scheme = ""] = /^https?(?=:\/\/)/.exec(origin) ?? []
  if (host === undefined || scheme === "" || (protocol === "https" && scheme === "http")) return false
  const own = `${scheme}://${host}`
  return own === origin || readOrigin(own) === origin
}

/**
 * The CORS headers (Fetch standard, section 3.2) for an origin that passed the check. Undefined if the request has no
 * Origin.
 */
export function corsHeaders(request: Arrival, policy: OriginPolicy): Record<string, string> | undefined {
  const origin = request.header("origin")
  if (origin === undefined) return undefined
  if (policy.origins === "*") return { "access-control-allow-origin": "*" }
  return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true", vary: "Origin" }
}

/**
 * The CORS headers of an answer that refuses an origin. They let the page read the refusal, so that its channel can
 * report `origin-refused` where the browser says only "Failed to fetch". They allow no cookies and are never sent on a
 * preflight, so the page can read nothing else.
 */
export function refusalHeaders(request: Arrival): Record<string, string> {
  const origin = request.header("origin")
  return origin === undefined ? {} : { "access-control-allow-origin": origin, vary: "Origin" }
}

/**
 * Writes an origin in one form for comparison (URL standard, "host serializing"): without a default port, in lower
 * case, a name in punycode, an IPv6 address compressed. A dot at the end of a name is removed: the name is the same,
 * and nginx removes the dot in `$host`. Undefined if the text is no origin, for example without a scheme or with a
 * path.
 */
function readOrigin(given: string): string | undefined {
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#\\@\s]*\/?$/i.test(given)) return undefined
  try {
    const { protocol, host } = new URL(given)
    return `${protocol}//${host.replace(/\.(?=(?::\d+)?$)/, "")}`
  } catch {
    return undefined
  }
}

/** The name in a Host header, without the port, in the form for comparison. Undefined if there is no valid name. */
function nameOf(host: string): string | undefined {
  const origin = readOrigin(`http://${host}`)
  return origin === undefined || host === "" ? undefined : new URL(origin).hostname
}

/**
 * Whether a Host is one of these names. A name with a leading dot stands for all names below it, too. IP addresses and
 * `localhost` (RFC 6761, section 6.3) are always allowed, because no attacker can make them resolve to the hub.
 */
function isNamed(host: string | undefined, names: readonly string[]): boolean {
  const name = host === undefined ? undefined : nameOf(host)
  if (name === undefined) return false
  if (/^\[|^[\d.]+$|^(.*\.)?localhost$/.test(name)) return true
  return names.some((entry) => name === entry || (entry.startsWith(".") && `.${name}`.endsWith(entry)))
}

/** Reads one entry of the option `hosts` into the form for comparison. */
function readHost(entry: unknown): string {
  const [, dot = "", host = ""] = typeof entry === "string" ? (/^(\.?)(.*)$/s.exec(entry) ?? []) : []
  const name = /:\d*$|\*/.test(host) ? undefined : nameOf(host)
  if (name !== undefined) return dot + name
  throw new EverwireError(
    "misuse",
    `hosts holds ${typeof entry === "string" ? `"${entry}"` : typeof entry}: a host is a name without scheme, port and ` +
      'path, like "hub.example", or ".example" for a domain and all below it',
  )
}

/**
 * Reads one entry of the option `origins`. The schemes of apps (`capacitor://localhost`, `file://`) are origins as
 * well.
 */
function readEntry(entry: unknown): string {
  const wrong = (what: string): EverwireError =>
    new EverwireError("misuse", `origins holds ${typeof entry === "string" ? `"${entry}"` : typeof entry}: ${what}`)
  if (typeof entry !== "string") throw wrong('an origin is a text, like "https://app.example"')
  if (entry === "null") throw wrong('any page can have the origin "null"; to let every page in, give origins: "*"')
  if (entry.includes("*")) throw wrong('list each origin; to let every page in, without cookies, give origins: "*"')
  const read = readOrigin(entry)
  if (read === undefined || /^wss?:/.test(read)) {
    throw wrong('an origin is a scheme, a host and perhaps a port, and no path: "https://app.example:8443"')
  }
  return read
}

function refuse(reason: string): Closing {
  return closing("origin-refused", reason, false)
}

/** Shortens a client's value, so that a reason for people to read stays short. */
function cut(given: string): string {
  return given.length > 100 ? `${given.slice(0, 100)}...` : given
}
