import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { closing } from "../../wire/errors.ts"
import { writeEnvelope } from "../http/envelope.ts"
import { createHttpAcceptor } from "../http/server/acceptor.ts"
import { NO_STORE, respond } from "../http/server/answer.ts"
import type { Mailbox } from "../http/server/mailbox.ts"
import { LastMade } from "../last-made.ts"
import type { Acceptor, Batch, HttpStream } from "../transport.ts"
import { toBase64 } from "./base64.ts"

/**
 * What makes proxies pass a stream on as it comes. `X-Accel-Buffering` is nginx's; `Content-Encoding: identity` keeps
 * gzip filters away (measured on nginx and caddy; padding and `no-transform` helped nowhere).
 */
const STREAM_HEADERS = {
  ...NO_STORE,
  "content-type": "text/event-stream",
  "x-accel-buffering": "no",
  "content-encoding": "identity",
  // A server that is closing waits for its connections, and one that was kept for more requests would take seconds to
  // end.
  connection: "close",
} as const

/**
 * The server half of SSE: the hello is answered with a ticket, the ticket opens the stream, the stream drains the mail.
 */
export function sseAcceptor(): Acceptor {
  return createHttpAcceptor("sse", (door) => {
    /**
     * Links whose stream has not been opened, by ticket. Each ticket opens one stream, once. A link that closes before
     * its stream has come keeps its ticket for the last word.
     */
    const tickets = new Map<string, Mailbox>()
    const events = new LastMade(writeEvent)
    return {
      drain(mailbox, exchange, envelope, _door, first) {
        // Packets that the upload caused go down the stream before the answer, because the application may wait for
        // them. With polls the answer goes first, because the next upload waits for it and the next poll does not.
        if (!first) return door.runtime.soon(() => mailbox.confirm(exchange, envelope))
        const ticket = door.elsewhere?.createId() ?? door.runtime.id()
        tickets.set(ticket, mailbox)
        mailbox.ticket = ticket
        respond(exchange, 200, { ticket, ...mailbox.stamp(envelope) })
        mailbox.expect()
      },
      forgotten(mailbox) {
        if (mailbox.ticket !== undefined) tickets.delete(mailbox.ticket)
      },
      stream(exchange) {
        const ticket = exchange.query("ticket") ?? ""
        const mailbox = tickets.get(ticket)
        tickets.delete(ticket)
        if (mailbox === undefined) {
          // 204 tells an EventSource to stop reconnecting (HTML standard, section 9.2.3). The ticket may belong to
          // another hub: if a load balancer routes by connection, only a new connection can reach that hub, so this one
          // is closed.
          const unknown = (): void => exchange.respond(204, { ...NO_STORE, connection: "close" })
          return door.elsewhere?.answer(ticket, exchange, unknown) === true ? undefined : unknown()
        }
        mailbox.ticket = undefined
        mailbox.met()
        pour(mailbox, exchange.stream(200, STREAM_HEADERS), events)
        exchange.onAbort(() => mailbox.lost(closing("network", "the stream was left")))
        exchange.onLeaving?.(mailbox)
      },
    }
  })
}

/** Writes the mailbox's batches to the stream as they come, one event each, while the stream's buffer is not full. */
function pour(mailbox: Mailbox, stream: HttpStream, events: LastMade<Batch, string>): void {
  let ended = false
  const pass = (): void => {
    while (!ended && stream.bufferedBytes < LINK_BUFFER_BYTES) {
      const batch = mailbox.takeOne()
      if (batch !== undefined) stream.write(events.of(batch))
      else if (mailbox.closing === undefined) return
      else {
        ended = true
        stream.write(writeEvent(writeEnvelope({ close: mailbox.closing })))
        stream.end()
      }
    }
  }
  mailbox.onMail = pass
  mailbox.stream = stream
  stream.onDrain(pass)
  pass()
}

/**
 * Encodes a batch as one event with only `data:` lines (HTML standard, section 9.2.5), so a payload cannot inject
 * another field. A packet never contains a raw CR or LF, so each line is one packet of the batch.
 */
function writeEvent(batch: Batch): string {
  const data = typeof batch === "string" ? batch.replaceAll("\n", "\ndata:") : `=${toBase64(batch)}`
  return `data:${data}\n\n`
}
