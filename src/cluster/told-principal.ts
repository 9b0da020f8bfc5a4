import { msgpack } from "../codecs/msgpack/msgpack.ts"
import type { Principal } from "../server/peer.ts"
import { EverwireError, wordsOf } from "../wire/errors.ts"

const { encode, decode } = msgpack()

/**
 * What `authenticate` returned, as bytes for another process.
 *
 * @throws EverwireError `payload-unsupported` with the path, if it is not plain data
 */
export function encodePrincipal(principal: Principal): Uint8Array {
  try {
    return encode(principal) as Uint8Array // this codec gives nothing else
  } catch (error) {
    const what = `what authenticate returned cannot be told to another process: ${wordsOf(error)}`
    throw new EverwireError("payload-unsupported", what, { cause: error })
  }
}

/** Reads what `encodePrincipal` wrote. */
export function decodePrincipal(bytes: Uint8Array): Principal {
  return decode(bytes) as Principal // `encodePrincipal` wrote it
}
