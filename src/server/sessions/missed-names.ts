import { MAX_NAME_LENGTH } from "../../wire/defaults.ts"
import { EverwireError } from "../../wire/errors.ts"

/**
 * Names of messages that were dropped because they had no handler. That alone is no error: clients may send any name,
 * and some are ignored on purpose. But if a handler for such a name is set later, it was set too late, and that is
 * reported.
 */
export class MissedNames {
  /** As JSON, which makes a new string: a name may be a slice that keeps a large packet alive. */
  readonly #quoted = new Set<string>()
  readonly #most: number

  /** `most`: how many names are remembered. */
  constructor(most: number) {
    this.#most = most
  }

  add(name: string): void {
    if (name.length <= MAX_NAME_LENGTH && this.#quoted.size < this.#most) this.#quoted.add(JSON.stringify(name))
  }

  /** Call it when a handler of this name is set. Returns the error to report, once, if messages came before it. */
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
