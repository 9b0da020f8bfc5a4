/**
 * The only subprotocol that a hub selects. The other one that a client offers may be its hello, which holds the
 * session's key.
 */
export const SUBPROTOCOL = "everwire"

/** Longest offer, in characters. Common servers accept 8 KiB of headers, and cookies need a part of that. */
const MAX_OFFER_LENGTH = 2_048

/**
 * Returns the subprotocols to offer (RFC 6455, section 4.1) so that the first batch goes with the handshake, which
 * saves a round trip. The batch is the second subprotocol, percent-encoded. Returns an empty list if the batch is too
 * long.
 */
export function writeOffer(batch: string): string[] {
  // encodeURIComponent leaves only characters that a token may have, except for parentheses (RFC 9110, section 5.6.2).
  const token = encodeURIComponent(batch).replace(/[()]/g, (sign) => `%2${sign === "(" ? 8 : 9}`)
  return token.length > MAX_OFFER_LENGTH ? [] : [SUBPROTOCOL, token]
}

/**
 * Reads the first batch from a `Sec-WebSocket-Protocol` header. Undefined if it has none, "" if it cannot be decoded.
 */
export function readOffer(header: string | undefined): string | undefined {
  const [name, token] = header?.split(",").map((offered) => offered.trim()) ?? []
  if (name !== SUBPROTOCOL || token === undefined) return undefined
  try {
    return decodeURIComponent(token)
  } catch {
    return ""
  }
}
