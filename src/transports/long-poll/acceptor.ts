import { createHttpAcceptor } from "../http/server/acceptor.ts"
import type { Acceptor } from "../transport.ts"

/** The server half of long-poll: the hub answers a poll when it has a batch, or when the hold is over. */
export function longPollAcceptor(): Acceptor {
  return createHttpAcceptor("long-poll", () => ({
    drain(mailbox, exchange, envelope, door) {
      if (envelope.poll === undefined) return mailbox.confirm(exchange, envelope)
      mailbox.poll(exchange, envelope, Math.min(door.holdMs, envelope.holdMs ?? door.holdMs))
    },
  }))
}
