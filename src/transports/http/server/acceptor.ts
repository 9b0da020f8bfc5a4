import type { Alarm } from "../../../session/clockwork.ts"
import { MAX_HELLO_BYTES, POLL_CEILING_MS } from "../../../wire/defaults.ts"
import { closing, EverwireError, protocolError } from "../../../wire/errors.ts"
import type { Acceptor, Batch, Door, HttpExchange, LinkOrigin, OpenAcceptor } from "../../transport.ts"
import {
  decodeBody,
  ENVELOPE_HEADER,
  type Envelope,
  encodeBody,
  MAX_ENVELOPE_BYTES,
  readBeginning,
  readEnvelope,
} from "../envelope.ts"
import { answerLeave, respond } from "./answer.ts"
import { Mailbox, type MailboxHost } from "./mailbox.ts"

/** What tells the three HTTP acceptors apart. */
export interface Drain {
  /** A request brought an upload, a poll or both, and the upload has been heard. Answers it. */
  drain(mailbox: Mailbox, exchange: HttpExchange, envelope: Envelope, door: Door, first: boolean): void
  /** Opens the stream of a link, for the transport that has one. */
  stream?(exchange: HttpExchange): void
  /** Nothing more will be asked of this link. */
  forgotten?(mailbox: Mailbox): void
}

/** A body of a stranger holds a hello and its envelope. */
const MAX_FIRST_BODY_BYTES = MAX_HELLO_BYTES + MAX_ENVELOPE_BYTES
/** Links that have ended and have not told their channels, and what they may keep together. Above it the oldest is forgotten. */
const MAX_ENDED_LINKS = 10_000
const MAX_ENDED_BYTES = 8_388_608

/** The server half that the HTTP transports share: links by id, uploads in order, a coded answer to everything else. */
export function createHttpAcceptor(name: string, createDrain: (door: Door) => Drain): Acceptor {
  return { name, open: (door) => openHttpAcceptor(name, door, createDrain(door)) }
}

function openHttpAcceptor(name: string, door: Door, { drain, stream, forgotten }: Drain): OpenAcceptor {
  /** Links by their secret id. A closed one stays until its channel must have asked again, and been told why. */
  const mailboxes = new Map<string, Mailbox>()
  /** Those, in the order in which they have closed: until when they are kept, and what they kept then. */
  const ended = new Map<Mailbox, { readonly until: number; readonly bytes: number }>()
  let endedBytes = 0
  const { clockwork } = door

  const forget = (mailbox: Mailbox): void => {
    endedBytes -= ended.get(mailbox)?.bytes ?? 0
    ended.delete(mailbox)
    mailboxes.delete(mailbox.id)
    forgotten?.(mailbox)
  }

  const forgetting: Alarm = {
    slot: undefined,
    ring() {
      for (const [mailbox, { until }] of ended) {
        if (until > clockwork.now()) return clockwork.set(forgetting, until)
        forget(mailbox)
      }
    },
  }

  const forgetLater = (mailbox: Mailbox): void => {
    if (!mailboxes.has(mailbox.id)) return
    // Nobody is there to be told.
    if (mailbox.wasGivenUp) return forget(mailbox)
    const until = clockwork.now() + Math.max(door.holdMs, POLL_CEILING_MS)
    const bytes = mailbox.bufferedBytes + mailbox.keptBytes
    ended.set(mailbox, { until, bytes })
    endedBytes += bytes
    for (const [oldest] of ended) {
      if (ended.size <= MAX_ENDED_LINKS && endedBytes <= MAX_ENDED_BYTES) break
      oldest.abandon()
      forget(oldest)
    }
    if (forgetting.slot === undefined && ended.size > 0) clockwork.set(forgetting, until)
  }

  const host: MailboxHost = { name, hub: door.hub, clockwork, forget: forgetLater }

  const create = (exchange: HttpExchange): Mailbox => {
    const mailbox = new Mailbox(host, door.runtime.id())
    mailbox.sink = door.admit(mailbox, originOf(name, exchange))
    return mailbox
  }

  /** Only who was welcomed may send a large one: its beginning names the link. */
  const largeBody = async (exchange: HttpExchange): Promise<Uint8Array> => {
    const most = door.maxBatchBytes + MAX_ENVELOPE_BYTES
    const bytes = Math.min(Number(exchange.header("content-length") ?? most), most)
    let mailbox: Mailbox | undefined
    try {
      return await exchange.body(MAX_FIRST_BODY_BYTES, (beginning) => {
        const { link } = readBeginning(beginning, exchange.header("content-type") ?? "") ?? {}
        if (link === undefined) return MAX_FIRST_BODY_BYTES
        const known = mailboxes.get(link)
        if (known === undefined) throw new EverwireError("link-unknown", "no such link here")
        if (!known.isWelcomed) return MAX_FIRST_BODY_BYTES
        known.beginBody(bytes)
        mailbox = known
        return most
      })
    } finally {
      mailbox?.endBody(bytes)
    }
  }

  const answer = (exchange: HttpExchange, envelope: Envelope, batch: Batch | undefined): void => {
    const known = envelope.link === undefined ? undefined : mailboxes.get(envelope.link)
    if (envelope.link !== undefined && known === undefined) {
      throw new EverwireError("link-unknown", "no such link here")
    }
    if (known === undefined && envelope.up === undefined && envelope.close !== undefined) {
      return answerLeave(exchange, batch, door)
    }
    const { poll = 1 } = envelope
    // Nobody could ask for the polls before it: whoever sent it does not know the link's id yet.
    if (known === undefined && (envelope.up !== 1 || batch === undefined || poll !== 1)) {
      throw protocolError("a first request without a hello")
    }
    const waitMs = known?.sink?.exchanged?.() ?? 0
    if (waitMs > 0) {
      const close = closing("rate-limited", "too many requests on this link", true, waitMs)
      return respond(exchange, 429, { hub: door.hub, close })
    }
    const mailbox = known ?? create(exchange)
    exchange.onLeaving?.(mailbox)
    if (envelope.up !== undefined) mailbox.hear(envelope.up, batch)
    else if (batch !== undefined) mailbox.hearBeside(batch)
    if (envelope.close !== undefined) mailbox.lost(envelope.close)
    if (known === undefined) {
      if (mailbox.closing !== undefined) {
        // Refused: the one answer says everything, and nobody is kept in mind.
        const stamp = { ...mailbox.stamp(envelope), close: mailbox.closing }
        const batch = mailbox.take()
        return respond(exchange, 200, stamp, encodeBody(stamp, batch === undefined ? [] : [batch]))
      }
      mailboxes.set(mailbox.id, mailbox)
    }
    if (known !== undefined && batch !== undefined && known.sink?.isBusy === true) {
      return drainLater(known, exchange, envelope)
    }
    drain(mailbox, exchange, envelope, door, known === undefined)
  }

  /** Whoever brings more than can be worked on at once is answered, and so goes on, when that has been done. */
  const drainLater = (mailbox: Mailbox, exchange: HttpExchange, envelope: Envelope): void =>
    mailbox.sink?.whenIdle?.(() => drain(mailbox, exchange, envelope, door, false))

  return {
    exchange(exchange) {
      if (exchange.method === "GET" && stream !== undefined) return stream(exchange)
      if (exchange.method !== "POST") {
        throw new EverwireError("refused", "only POST is understood here")
      }
      const line = exchange.header(ENVELOPE_HEADER)
      if (line !== undefined) return answer(exchange, readEnvelope(line), undefined)
      const isSmall = Number(exchange.header("content-length")) <= MAX_FIRST_BODY_BYTES
      const reading = isSmall ? exchange.body(MAX_FIRST_BODY_BYTES) : largeBody(exchange)
      return reading.then((body) => {
        const { envelope, batch } = decodeBody(body, exchange.header("content-type") ?? "")
        answer(exchange, envelope, batch)
      })
    },
    close() {
      clockwork.clear(forgetting)
      ended.clear()
      mailboxes.clear()
    },
  }
}

function originOf(transport: string, exchange: HttpExchange): LinkOrigin {
  return { transport, address: exchange.address, header: exchange.header, request: exchange.request }
}
