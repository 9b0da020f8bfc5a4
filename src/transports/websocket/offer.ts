/** The one subprotocol that a hub agrees to, whatever is offered beside it: that may be the hello, with its key. */
export const SUBPROTOCOL = "everwire"

/** Common servers take 8 KiB of headers, cookies among them. */
const MAX_OFFER_LENGTH = 2_048

/**
 * The subprotocols to offer (RFC 6455, section 4.1) when the first batch is to go with the handshake: a round trip sooner
 * than behind it. It is the second of them, percent-encoded. None when the batch does not fit.
 */
export function writeOffer(batch: string): string[] {
  // What encodeURIComponent leaves alone may stand in a token, but for parentheses (RFC 9110, section 5.6.2).
  const token = encodeURIComponent(batch).replace(/[()]/g, (sign) => `%2${sign === "(" ? 8 : 9}`)
  return token.length > MAX_OFFER_LENGTH ? [] : [SUBPROTOCOL, token]
}

/** The first batch in a `Sec-WebSocket-Protocol` header; undefined when none came with it, "" when it cannot be read. */
export function readOffer(header: string | undefined): string | undefined {
  const [name, token] = header?.split(",").map((offered) => offered.trim()) ?? []
  if (name !== SUBPROTOCOL || token === undefined) return undefined
  try {
    return decodeURIComponent(token)
  } catch {
    return ""
  }
}
