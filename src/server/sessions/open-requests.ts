import { EverwireError } from "../../wire/errors.ts"

/** What a request costs while it is being answered, beside its payload. */
const REQUEST_BYTES = 512

/** What the requests of a peer cost together that are being answered. Made when it asks for the first time. */
export class OpenRequests {
  #bytes = 0
  /** What the request costs that is being delivered: its handler is called before another one is delivered. */
  #deliveredBytes = 0

  /** Why one more request of this size is not begun, if it is not; else what it costs is kept in mind for `holdUntil`. */
  refusal(size: number, maxBytes: number): EverwireError | undefined {
    const bytes = size + REQUEST_BYTES
    if (this.#bytes > 0 && this.#bytes + bytes > maxBytes) {
      return new EverwireError("rate-limited", "too many requests of this peer are being answered")
    }
    this.#deliveredBytes = bytes
    return undefined
  }

  /** The request that was delivered last is being answered. */
  holdUntil(answering: Promise<unknown>): void {
    const bytes = this.#deliveredBytes
    const release = (): void => {
      this.#bytes -= bytes
    }
    this.#bytes += bytes
    answering.then(release, release)
  }
}
