/**
 * The kinds of packets: the first character of each. They are defined here and nowhere else in the sources.
 * `docs/protocol.md` shows the same table, and a test compares the two.
 */
export const MESSAGE = "m"
export const REQUEST = "q"
export const RESPONSE = "r"
export const FAILURE = "x"
export const CANCEL = "c"
export const ITEM = "i"
export const CREDIT = "g"
export const LAST_PART = "e"
export const PART = "f"
export const POSITION = "n"
export const ACK = "a"
export const PROBE = "p"
export const HELLO = "h"
export const WELCOME = "w"
export const TAKE = "t"
export const BYE = "b"
export const CREDENTIALS = "u"

/** The properties of one kind of packet. */
export interface Kind {
  /** First character of its packets. */
  readonly letter: string
  readonly title: string
  /** Whether both sides count each packet of this kind and deliver it exactly once and in order. */
  readonly numbered: boolean
  /** Who sends it: the channel (`up`), the hub (`down`), or both. */
  readonly direction: "up" | "down" | "both"
  /** Whether it may be bytes instead of text. */
  readonly bytes: boolean
}

/** One row for each kind. A new kind is a constant above and a row here. */
export const KINDS: readonly Kind[] = [
  { letter: MESSAGE, title: "message", numbered: true, direction: "both", bytes: true },
  { letter: REQUEST, title: "request", numbered: true, direction: "both", bytes: true },
  { letter: RESPONSE, title: "response", numbered: true, direction: "both", bytes: true },
  { letter: FAILURE, title: "failure", numbered: true, direction: "both", bytes: true },
  { letter: CANCEL, title: "cancel", numbered: true, direction: "both", bytes: false },
  { letter: ITEM, title: "item", numbered: true, direction: "both", bytes: true },
  { letter: CREDIT, title: "credit", numbered: true, direction: "both", bytes: false },
  { letter: LAST_PART, title: "last part", numbered: true, direction: "both", bytes: true },
  { letter: PART, title: "part", numbered: false, direction: "both", bytes: true },
  { letter: POSITION, title: "position", numbered: false, direction: "both", bytes: false },
  { letter: ACK, title: "ack", numbered: false, direction: "both", bytes: false },
  { letter: PROBE, title: "probe", numbered: false, direction: "both", bytes: false },
  { letter: HELLO, title: "hello", numbered: false, direction: "up", bytes: false },
  { letter: WELCOME, title: "welcome", numbered: false, direction: "down", bytes: false },
  { letter: TAKE, title: "take", numbered: false, direction: "up", bytes: false },
  { letter: BYE, title: "bye", numbered: false, direction: "both", bytes: false },
  { letter: CREDENTIALS, title: "credentials", numbered: false, direction: "both", bytes: false },
]

/** Kinds of whole packets that are numbered. (A last part is numbered too, in place of the packet that it ends.) */
export type NumberedKind =
  | typeof MESSAGE
  | typeof REQUEST
  | typeof RESPONSE
  | typeof FAILURE
  | typeof CANCEL
  | typeof ITEM
  | typeof CREDIT

const NUMBERED = MESSAGE + REQUEST + RESPONSE + FAILURE + CANCEL + ITEM + CREDIT

/** Whether packets of this kind are whole and numbered. */
export function isNumbered(kind: string): kind is NumberedKind {
  return kind.length === 1 && NUMBERED.includes(kind)
}

/** Whether packets of this kind are parts of larger ones. */
export function isPart(kind: string): kind is typeof PART | typeof LAST_PART {
  return kind === PART || kind === LAST_PART
}
