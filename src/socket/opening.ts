/** A sub-protocol is a token of HTTP (RFC 9110, 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/

/** The parts of a socket's URL. @throws DOMException `SyntaxError`, as the HTML standard has it */
export function readUrl(url: string | URL): { href: string; origin: string; host: string; path: string } {
  const { location } = globalThis as { location?: { href: string } } // absent in Node
  let href = ""
  try {
    href = new URL(url, location?.href).href.replace(/^http/, "ws")
  } catch {
    // `href` stays empty, and the check below throws
  }
  // By an expression: the `URL` of React Native lacks half of its members. Who `user:password` names, nobody would ask.
  const [, scheme = "", host = "", path = ""] = /^(wss?:\/\/)(?:[^/?#]*@)?([^/?#]+)([^#]*)$/.exec(href) ?? []
  if (host === "")
    throw new DOMException(`a URL begins with ws: or wss: and has no fragment; given: ${url}`, "SyntaxError")
  return { href, origin: scheme + host, host, path }
}

/** The sub-protocols that are offered. @throws DOMException `SyntaxError` */
export function subProtocols(given: string | Iterable<string>): readonly string[] {
  const protocols = typeof given === "string" ? [given] : Array.from(given, String)
  if (
    new Set(protocols.map((protocol) => protocol.toLowerCase())).size < protocols.length ||
    !protocols.every((protocol) => TOKEN.test(protocol))
  ) {
    throw new DOMException(`sub-protocols are different tokens; given: ${protocols}`, "SyntaxError")
  }
  return protocols
}
