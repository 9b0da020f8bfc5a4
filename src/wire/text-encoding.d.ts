/**
 * The two classes of the WHATWG Encoding standard that the encoding of packets needs. They are pure functions and exist
 * on every platform, so `wire` may use them. Its compiler settings declare nothing else of the DOM or of Node.
 */
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(input?: Uint8Array): string
}
