import type { Packet } from "../wire/batch.ts"
import { type Code, EverwireError } from "../wire/errors.ts"
import { FAILURE } from "../wire/kinds.ts"
import { encodePacket } from "../wire/packet.ts"
import type { AbortSignalLike } from "./abort-signal.ts"

/** The answer to a request that failed. */
export function failureOf(id: string, { code, message }: Pick<EverwireError, "code" | "message">): Packet {
  return encodePacket(FAILURE, [id], JSON.stringify({ code, message }))
}

/** What the other side has answered, with the words of this side where it has none. */
export function readFailure(failure: unknown): EverwireError {
  const { code, message } = Object(failure) as { code?: unknown; message?: unknown } // narrowed below
  return new EverwireError(
    (typeof code === "string" ? code : "request-failed") as Code, // as in readClosing: a newer peer's code passes through
    typeof message === "string" ? message : "the handler failed",
  )
}

/** What a request fails with whose signal has fired. */
export function aborted(name: string, signal: AbortSignalLike | undefined): EverwireError {
  return new EverwireError("request-aborted", `"${name}" was aborted`, { cause: signal?.reason })
}
