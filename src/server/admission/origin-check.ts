import { type Closing, closing, EverwireError } from "../../wire/errors.ts"
import { type Arrival, type Asked, askedOf, type Trust } from "./trust-proxy.ts"

/** Which pages may speak to the hub, and by which names of it. */
export interface OriginPolicy {
  /** Origins beside the hub's own host, in the form in which they are compared. `"*"` lets every page in, without cookies. */
  readonly origins: ReadonlySet<string> | "*"
  /** The names by which the hub may be asked. Undefined where they were not given: then it may be asked by any name. */
  readonly hosts: readonly string[] | undefined
  /** The names whose pages are the hub's own. Undefined where nothing was given that tells: then those of any name. */
  readonly ownHosts: readonly string[] | undefined
  /** Whether a request with cookies is let in that names neither an Origin nor, in any other way, the page it is from. */
  readonly allowCookiesWithoutOrigin: boolean
}

/** The hub's own host and protocol, as the client knows them. */
type Own = Pick<Asked, "host" | "protocol">

/** The policy that the options ask for. @throws EverwireError `misuse` on what would let nobody in, or everybody. */
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
 * The one Origin check (RFC 6454; OWASP ASVS 4.4.2) that every door goes through: upgrades, streams, polls, posts and
 * preflights. Cross-site requests carry cookies on all of them in some engine, so none may skip it.
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
    // Browsers know by which scheme the hub was asked, where a proxy that takes the TLS off may leave that out.
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
 * The hub as the client asked for it. That there was TLS is believed of anybody who says so: it only makes another page of
 * the one that has none.
 */
function ownOf(request: Arrival, trust: Trust | undefined): Own {
  const { host, protocol } = askedOf(request, trust)
  const isTold = /^\s*(https|wss)\b/i.test(request.header("x-forwarded-proto") ?? "")
  return { host, protocol: protocol ?? (isTold ? "https" : undefined) }
}

/** Whether a page of a browser has sent it, which may have been led here by a name of its own (DNS rebinding). */
function isOfPage(request: Arrival): boolean {
  return request.header("sec-fetch-site") !== undefined || request.header("referer") !== undefined
}

function unknownHost({ host = "none" }: Own): string {
  return `the host asked for, ${cut(host)}, is neither in "hosts" nor that of one in "origins"`
}

/**
 * Browsers name no Origin when a page opens an EventSource on its own host. What they say instead cannot be set by a
 * page: `Sec-Fetch-Site` (Fetch Metadata, to trustworthy hosts) or, on plain http, a Referer.
 */
function isSameOrigin(request: Arrival, own: Own): boolean {
  const site = request.header("sec-fetch-site")
  if (site !== undefined) return site === "same-origin"
  const [page] = /^https?:\/\/[^/?#]*/i.exec(request.header("referer") ?? "") ?? []
  const read = page === undefined ? undefined : readOrigin(page)
  return read !== undefined && isOwn(read, own)
}

/**
 * Whether an origin of the web is that of the hub. A Host without a port has the default port of the origin's scheme:
 * whether the client came by TLS is known only where the hub has it itself or a proxy says so. Then a page without TLS
 * is another origin, because anybody on the way may have written it.
 */
function isOwn(origin: string, { host, protocol }: Own): boolean {
  const [scheme = ""] = /^https?(?=:\/\/)/.exec(origin) ?? []
  if (host === undefined || scheme === "" || (protocol === "https" && scheme === "http")) return false
  const own = `${scheme}://${host}`
  return own === origin || readOrigin(own) === origin
}

/** The CORS headers (Fetch standard, section 3.2) of an answer to an origin that passed the check, if there is one. */
export function corsHeaders(request: Arrival, policy: OriginPolicy): Record<string, string> | undefined {
  const origin = request.header("origin")
  if (origin === undefined) return undefined
  if (policy.origins === "*") return { "access-control-allow-origin": "*" }
  return { "access-control-allow-origin": origin, "access-control-allow-credentials": "true", vary: "Origin" }
}

/**
 * Those of an answer that refuses an origin. Its page may read that it is refused, which every other answer keeps from
 * it: a program that hears `origin-refused` can be mended, where browsers say only "Failed to fetch". Without cookies, and
 * never on a preflight, so nothing else follows.
 */
export function refusalHeaders(request: Arrival): Record<string, string> {
  const origin = request.header("origin")
  return origin === undefined ? {} : { "access-control-allow-origin": origin, vary: "Origin" }
}

/**
 * An origin in the one form in which origins are compared (URL standard, "host serializing"): without a default port, in
 * lower case, a name in punycode, an IPv6 address compressed. A dot at the end of a name is left out, because nginx
 * leaves it out of `$host`, and the name is the same. Undefined for what is no origin: with a path, without a scheme.
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

/** The name in a Host header, without its port, as names are compared; undefined for what is none. */
function nameOf(host: string): string | undefined {
  const origin = readOrigin(`http://${host}`)
  return origin === undefined || host === "" ? undefined : new URL(origin).hostname
}

/**
 * Whether a Host is one of these names; one with a dot in front names everything below it, too. Nobody can lead a browser
 * here by an address, nor by `localhost` (RFC 6761, section 6.3), so these are always among them.
 */
function isNamed(host: string | undefined, names: readonly string[]): boolean {
  const name = host === undefined ? undefined : nameOf(host)
  if (name === undefined) return false
  if (/^\[|^[\d.]+$|^(.*\.)?localhost$/.test(name)) return true
  return names.some((entry) => name === entry || (entry.startsWith(".") && `.${name}`.endsWith(entry)))
}

/** One entry of `hosts`, as it is compared. */
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

/** One entry of the option. An application's own schemes (`capacitor://localhost`, `file://`) are origins as well. */
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

/** What a stranger gave goes into a sentence for people, so it must not be long. */
function cut(given: string): string {
  return given.length > 100 ? `${given.slice(0, 100)}...` : given
}
