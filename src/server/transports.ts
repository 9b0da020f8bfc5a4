import { EverwireError } from "../kernel/errors.ts"
import { longPollAcceptor } from "../transports/long-poll/acceptor.ts"
import { shortPollAcceptor } from "../transports/short-poll/acceptor.ts"
import { sseAcceptor } from "../transports/sse/acceptor.ts"
import type { Acceptor } from "../transports/transport.ts"

/** Transports that need nothing but exchanges, so that every runtime has them. */
export const httpTransports = {
  sse: sseAcceptor,
  "long-poll": longPollAcceptor,
  "short-poll": shortPollAcceptor,
} as const

/** Those that were made here. Any other is the application's own, and may do anything. */
const builtIn = new WeakSet<Acceptor>()

export function isBuiltIn(acceptor: Acceptor): boolean {
  return builtIn.has(acceptor)
}

/** Names to acceptors. @throws EverwireError `misuse` on an unknown or repeated name, or none at all. */
export function resolveAcceptors<Name extends string>(
  wanted: readonly (Name | Acceptor)[],
  known: Readonly<Record<Name, () => Acceptor>>,
): Acceptor[] {
  const acceptors = wanted.map((item) => {
    if (typeof item !== "string") return item
    if (!Object.hasOwn(known, item))
      throw new EverwireError(
        "misuse",
        `no transport is called "${item}" here; there are ${Object.keys(known).join(", ")}`,
      )
    const acceptor = known[item]()
    builtIn.add(acceptor)
    return acceptor
  })
  const names = new Set(acceptors.map(({ name }) => name))
  if (acceptors.length === 0 || names.size < acceptors.length) {
    throw new EverwireError("misuse", "transports are one or more, each once")
  }
  return acceptors
}
