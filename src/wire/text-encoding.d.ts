/**
 * The two classes of the WHATWG Encoding standard that the codec needs. They are pure functions and exist on every
 * platform, so the kernel may name them; nothing else of the DOM or of Node exists in its type world.
 */
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(input?: Uint8Array): string
}
