import { createHttpAcceptor } from "../http/server/acceptor.ts"
import type { Acceptor } from "../transport.ts"

/**
 * The server half of short-poll: the hub answers a poll at the end of the tick, so that packets which its own upload
 * caused can go with the answer. Only the first poll, with the hello, is held until the welcome; and any for a moment, if
 * its session is at another process.
 */
export function shortPollAcceptor(): Acceptor {
  return createHttpAcceptor("short-poll", () => ({
    drain(mailbox, exchange, envelope, door, first) {
      if (envelope.poll === undefined) return mailbox.confirm(exchange, envelope)
      mailbox.poll(exchange, envelope, first ? door.holdMs : (mailbox.sink?.awayMs ?? 0))
    },
  }))
}
