import { MAX_NAME_LENGTH } from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"

/**
 * Names of messages that were dropped because nothing handles them. Most are a stranger's, or are ignored on purpose: that is
 * no error. But when a handler of such a name is set later, it was set too late, and that is reported.
 */
export class MissedNames {
  /** In quotes, which makes each a text of its own: a name may be a slice of a large packet. */
  readonly #quoted = new Set<string>()
  readonly #most: number

  /** Remembers so many at most. */
  constructor(most: number) {
    this.#most = most
  }

  add(name: string): void {
    if (name.length <= MAX_NAME_LENGTH && this.#quoted.size < this.#most) this.#quoted.add(JSON.stringify(name))
  }

  /** A handler of this name is set: what to report, the first time, where messages have come before it. */
  late(name: string): EverwireError | undefined {
    const quoted = JSON.stringify(name)
    if (!this.#quoted.delete(quoted)) return undefined
    const hint = "set it with hub.on before channels come, or in onPeer before its first await"
    return new EverwireError(
      "message-unhandled",
      `messages ${quoted} came before their handler and were dropped: ${hint}`,
    )
  }
}
