/**
 * Every code that a {@link Closing} or an {@link EverwireError} can carry, with what it means. `docs/errors.md` shows the
 * same table and a test holds the two together.
 */
export const explanations = {
  closed: "The application on this side closed it.",
  "closed-by-peer": "The application on the other side closed it.",
  "hub-closing": "The hub is shutting down. The channel dials again after `retryAfterMs`.",
  moved: "Another process of the cluster has the session now. The channel dials again and goes on.",
  unauthorized: "`authenticate` refused the credentials. Dialing again with the same ones will not help.",
  "auth-expired": "The principal has expired, and the channel brought no fresh credentials in time.",
  forbidden: "`permit` or `permitJoin` of the hub does not allow this to this peer.",
  "origin-refused":
    "The page's Origin is neither the hub's own host nor in the hub's `origins`, or the host is not in its `hosts`.",
  "version-unsupported": "The two sides speak different versions of the protocol.",
  "codec-unsupported": "The hub does not have the channel's codec. Give both ends the same one.",
  "protocol-error": "The other side sent something that the protocol does not allow: garbage, an unknown kind, a gap.",
  "hello-timeout": "A link was opened and no hello came in time.",
  "too-large": "A hello, a frame or a body was larger than its limit.",
  silent: "Nothing was heard for longer than the agreed patience.",
  network: "The connection broke or could not be made.",
  refused: "The server, or something in front of it, answered with a status that is not the hub's.",
  redirected: "The server redirects to another URL, which only the application can say.",
  "captive-portal": "A web page came instead of an answer: a captive portal, or a server that is not the hub.",
  "rate-limited": "The server asked to slow down (429 or 503).",
  "link-unknown": "The hub does not know this link (any more). The channel dials a new one.",
  superseded: "Another link of the same session took over.",
  "session-taken": "Somebody else presented this session's key and took it over.",
  "session-unknown": "The hub does not know this session: it restarted, or the resume window passed.",
  "session-forbidden": "The key is wrong, or the session belongs to another principal.",
  "session-expired": "No link came back within the resume window.",
  "session-reset": "The session could not be resumed; what becomes of this request is unknown.",
  "buffer-full": "More was said than the outbox may hold while the other side does not keep up.",
  "over-capacity": "The hub has reached its limit of sessions, links or bytes.",
  "backplane-unavailable": "The store that joins the processes of a cluster did not answer in time.",
  "node-lost": "The process of the cluster that had the session, or that answered this request, is gone.",
  unsupported: "This platform does not have what the transport needs.",
  timeout: "The link was not welcomed, `auth` did not answer, or what was sent was not taken, before the deadline.",
  misuse: "The library was called in a way that cannot work. The message says what to do instead.",
  "payload-unsupported":
    "The payload cannot cross unchanged: its codec would change a part of it, which the message names by its path.",
  "payload-invalid":
    "The payload does not fit the contract's schema, or the contract has no message of this name. The message says where.",
  "payload-too-large": "The encoded payload is larger than `maxPayloadBytes`.",
  "message-unhandled": "A message came before its handler was set, and was dropped.",
  "request-timeout": "No response came within `timeoutMs`.",
  "request-aborted": "The request's AbortSignal fired.",
  "request-failed": "The other side's handler failed.",
  "request-unhandled": "The other side has no handler of this name.",
} as const

/** The closed list of codes. */
export type Code = keyof typeof explanations

/** Why a link or a session ended. */
export interface Closing {
  readonly code: Code
  /** One sentence for people. It never shows internals of the server. */
  readonly reason: string
  /** Whether the channel may succeed if it dials again. */
  readonly retryable: boolean
  /** How long the other side asks the channel to wait before it dials again, in milliseconds. */
  readonly retryAfterMs?: number
}

/**
 * Whether the build has numbers in place of sentences: see `scripts/production/sentences.mjs`. Not declared in the
 * sources.
 */
declare const NUMBERED: boolean | undefined

/** Returns the sentence. In a production build: the number of the sentence, and the file that has its text. */
function sentence(code: string, words: string): string {
  return typeof NUMBERED !== "undefined" && NUMBERED && typeof words !== "string"
    ? `${code} ${words}: see everwire/dist/sentences.md`
    : words
}

/** Builds a {@link Closing}. It is retryable by default. */
export function closing(code: Code, reason: string, retryable = true, retryAfterMs?: number): Closing {
  return { code, reason: sentence(code, reason), retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}

/**
 * The one error that this library throws. Tell errors apart by `code`, never by `instanceof`: the ESM and the CommonJS copy
 * of this class are two classes.
 *
 * `C` is the type of the code. A request may be rejected with a code of the application, too: `EverwireError<Code | "not-found">`.
 */
export class EverwireError<C extends string = Code> extends Error {
  override readonly name = "EverwireError"
  declare readonly code: C
  /** Whether the same call can succeed later. */
  declare readonly retryable: boolean
  /** Of a request: what the other side's handler has told with its code. Its type is for the receiver to check. */
  declare readonly data?: unknown

  constructor(code: C, message: string, options?: { cause?: unknown; retryable?: boolean }) {
    super(sentence(code, message), options)
    this.code = code
    this.retryable = !!options?.retryable
  }
}

/** Turns a closing into an error, for promises that wait on something that has closed. */
export function closingError(why: Closing): EverwireError {
  return new EverwireError(why.code, why.reason, { retryable: why.retryable })
}

/**
 * Turns a thrown value into text. For an error the text begins with its name, which is "EverwireError" in every copy of the
 * class. If the value cannot be converted to a string, the text is its type.
 */
export function wordsOf(error: unknown): string {
  try {
    return String(error)
  } catch {
    return typeof error
  }
}

/** The error that a parser throws. The code that received the batch catches it and closes the link. */
export function protocolError(what: string): EverwireError {
  return new EverwireError("protocol-error", what)
}
