import { longPollAcceptor } from "../transports/long-poll/acceptor.ts"
import { shortPollAcceptor } from "../transports/short-poll/acceptor.ts"
import { sseAcceptor } from "../transports/sse/acceptor.ts"
import type { Acceptor } from "../transports/transport.ts"
import { websocketAcceptor } from "../transports/websocket/acceptor.ts"
import { EverwireError } from "../wire/errors.ts"
import { checkObject } from "./options.ts"

/** Transports that need only HTTP exchanges, so every runtime can offer them. */
const httpTransports = {
  sse: sseAcceptor,
  "long-poll": longPollAcceptor,
  "short-poll": shortPollAcceptor,
} as const

/** All built-in transports. WebSocket needs a server that upgrades. */
export const allTransports = { websocket: websocketAcceptor, ...httpTransports } as const

/** The names of all built-in transports. */
export const ALL_NAMES = ["websocket", "sse", "long-poll", "short-poll"] as const

/**
 * Acceptors that this file made. All others are the application's own code, which may throw or break the interface.
 * Weak, so that it keeps none alive.
 */
const builtIn = new WeakSet<Acceptor>()

export function isBuiltIn(acceptor: Acceptor): boolean {
  return builtIn.has(acceptor)
}

/** Turns names into acceptors. @throws EverwireError `misuse` on an unknown or repeated name, or an empty list. */
export function resolveAcceptors<Name extends string>(
  options: { readonly transports?: readonly (Name | Acceptor)[] | undefined },
  usual: readonly Name[],
  known: Readonly<Record<Name, () => Acceptor>>,
): Acceptor[] {
  checkObject(options, "the options of a hub", "{ resumeMs: 60000 }")
  const { transports: wanted = usual } = options
  if (!Array.isArray(wanted)) throw new EverwireError("misuse", 'transports is a list, like ["sse", "long-poll"]')
  const acceptors = wanted.map((item: Name | Acceptor) => {
    if (typeof (item as Partial<Acceptor> | null)?.open === "function") return item as Acceptor // it has `open`
    if (typeof item !== "string") throw new EverwireError("misuse", "a transport is a name, or an acceptor with `open`")
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
