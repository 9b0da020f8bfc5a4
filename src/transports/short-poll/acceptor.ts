import { createHttpAcceptor } from "../http/server/acceptor.ts"
import type { Acceptor } from "../transport.ts"

/**
 * The server half of short-poll: a poll is answered at the end of the tick, so that what its own upload caused can go
 * with the answer. Only the first one, the hello's, is held for its welcome.
 */
export function shortPollAcceptor(): Acceptor {
  return createHttpAcceptor("short-poll", () => ({
    drain(mailbox, exchange, envelope, door, first) {
      if (envelope.poll === undefined) return mailbox.confirm(exchange, envelope)
      mailbox.poll(exchange, envelope, first ? door.holdMs : 0)
    },
  }))
}
