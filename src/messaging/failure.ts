import type { Packet } from "../wire/batch.ts"
import { type Code, EverwireError } from "../wire/errors.ts"
import { FAILURE } from "../wire/kinds.ts"
import { checkName, encodePacket } from "../wire/packet.ts"
import type { AbortSignalLike } from "./abort-signal.ts"
import { checkedPayload, type PayloadHost } from "./message.ts"

/** The codes of everwire are not for an application: whoever reads one has to know what it means. */
type OwnCode<C> = C extends Code ? "this code is one of everwire's: choose another" : C

/**
 * What a handler throws to tell the other side why it fails: the request there is rejected with an EverwireError that has
 * this code, this message and this data. Of any other error that a handler throws the other side is told nothing.
 *
 * Tell it apart by its name, never by `instanceof`, as an EverwireError.
 *
 * @example throw new RequestFailure("not-found", `there is no ${item}`, { data: { item } })
 */
export class RequestFailure<C extends string = string> extends Error {
  override readonly name = "RequestFailure"
  declare readonly code: C
  /** A payload, with the code and the message at most as large as one. */
  declare readonly data: unknown

  /**
   * @param code A name of the application's own, like `not-found`. The types refuse those of everwire.
   * @throws EverwireError `misuse` on a code that is no name
   */
  constructor(code: C & OwnCode<C>, message: string, options?: { data?: unknown; cause?: unknown }) {
    checkName(code)
    super(message, options)
    this.code = code
    this.data = options?.data
  }
}

/** An error of this library that the other side is to be told. */
export function told({ code, message }: EverwireError): RequestFailure {
  return new RequestFailure<string>(code, message)
}

/** Without data a failure is short and JSON, whatever the codec of the session is. */
const ANY: PayloadHost = { maxPayloadBytes: () => undefined }

/** Makes the packet that answers a request with an error. @throws EverwireError as {@link checkedPayload} */
export function failureOf(
  id: string,
  { code, message, data }: { code: string; message: string; data?: unknown },
  host: PayloadHost = ANY,
): Packet {
  return encodePacket(FAILURE, [id], checkedPayload({ code, message, data }, host))
}

/** Reads the error in the answer to a request. Missing or wrong fields are replaced with this side's defaults. */
export function readFailure(failure: unknown): EverwireError {
  const { code, message, data } = Object(failure) as { code?: unknown; message?: unknown; data?: unknown } // narrowed below
  const error = new EverwireError(
    (typeof code === "string" ? code : "request-failed") as Code, // or the application's, or one of a newer version
    typeof message === "string" ? message : "the handler failed",
  )
  return data === undefined ? error : Object.assign(error, { data })
}

/** The error of a request whose signal has fired. */
export function aborted(name: string, signal: AbortSignalLike | undefined): EverwireError {
  return new EverwireError("request-aborted", `"${name}" was aborted`, { cause: signal?.reason })
}
