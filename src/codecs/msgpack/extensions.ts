/**
 * The types of extension that everwire's msgpack has, beside the timestamp of MessagePack itself (-1). `docs/protocol.md`
 * shows the same table.
 */

/** A bigint: its digits in hexadecimal, in ASCII, after a `-` if it is negative. */
export const BIGINT = 1
/** A `Map`: an array of its keys and values by turns. */
export const MAP = 2
/** A `Set`: an array of its values. */
export const SET = 3
/** A text that UTF-8 cannot carry unchanged, or that decoders of UTF-8 may change: the text in JSON. */
export const TEXT = 4
/** A moment in time (MessagePack specification, "Timestamp extension type"). */
export const TIMESTAMP = -1
