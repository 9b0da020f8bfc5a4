import { INPUT } from "../../messaging/answers.ts"
import type { Dispatch } from "../../messaging/dispatch.ts"
import { EverwireError } from "../../wire/errors.ts"

/** What a request costs while it is being answered, in addition to its payload, in bytes. */
const REQUEST_BYTES = 512

/** Bytes of a peer's requests that are being answered. Made for its first request. */
export class OpenRequests {
  #bytes = 0
  /** Cost of the request that is being delivered. Its handler is called before the next one is delivered. */
  #deliveredBytes = 0

  /** Why the hub does not begin a request of this size; undefined if it does. Then its cost is kept for `holdUntil`. */
  refusal(size: number, maxBytes: number): EverwireError | undefined {
    const bytes = size + REQUEST_BYTES
    if (this.#bytes > 0 && this.#bytes + bytes > maxBytes) {
      return new EverwireError("rate-limited", "too many requests of this peer are being answered")
    }
    this.#deliveredBytes = bytes
    return undefined
  }

  /** Counts the request that was delivered last until its answer settles. */
  holdUntil(answering: Promise<unknown>): void {
    const bytes = this.#deliveredBytes
    const release = (): void => {
      this.#bytes -= bytes
    }
    this.#bytes += bytes
    answering.then(release, release)
  }
}

/** How many requests of each end are open, in what a `Dispatch` tells of them. */
export function countRequests([asked, answering]: Dispatch<never>["open"] = NONE): readonly [number, number] {
  return [count(asked), count(answering)]
}

const NONE: Dispatch<never>["open"] = [undefined, undefined]

/** Without the inputs of requests. */
function count(open: ReadonlyMap<string, unknown> | undefined): number {
  let requests = 0
  for (const id of open?.keys() ?? []) if (!id.startsWith(INPUT)) requests++
  return requests
}
