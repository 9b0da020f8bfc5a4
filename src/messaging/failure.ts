import type { Packet } from "../wire/batch.ts"
import { type Code, EverwireError } from "../wire/errors.ts"
import { FAILURE } from "../wire/kinds.ts"
import { encodePacket } from "../wire/packet.ts"
import type { AbortSignalLike } from "./abort-signal.ts"

/** Makes the packet that answers a request with an error. */
export function failureOf(id: string, { code, message }: Pick<EverwireError, "code" | "message">): Packet {
  return encodePacket(FAILURE, [id], JSON.stringify({ code, message }))
}

/** Reads the error in the answer to a request. Missing or wrong fields are replaced with this side's defaults. */
export function readFailure(failure: unknown): EverwireError {
  const { code, message } = Object(failure) as { code?: unknown; message?: unknown } // narrowed below
  return new EverwireError(
    (typeof code === "string" ? code : "request-failed") as Code, // as in `readClosing`: a newer peer's code passes
    typeof message === "string" ? message : "the handler failed",
  )
}

/** The error of a request whose signal has fired. */
export function aborted(name: string, signal: AbortSignalLike | undefined): EverwireError {
  return new EverwireError("request-aborted", `"${name}" was aborted`, { cause: signal?.reason })
}
