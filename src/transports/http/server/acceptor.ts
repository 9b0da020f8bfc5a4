import type { Alarm } from "../../../session/clockwork.ts"
import { MAX_HELLO_BYTES, POLL_CEILING_MS } from "../../../wire/defaults.ts"
import { closing, closingError, EverwireError, protocolError } from "../../../wire/errors.ts"
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

/** The part of an HTTP acceptor in which the three transports differ. */
export interface Drain {
  /** Answers a request that brought an upload, a poll or both. The upload was passed to the session before. */
  drain(mailbox: Mailbox, exchange: HttpExchange, envelope: Envelope, door: Door, first: boolean): void
  /** Opens the stream of a link. Only SSE has it. */
  stream?(exchange: HttpExchange): void
  /** The acceptor has forgotten the link, so no request can name it any more. */
  forgotten?(mailbox: Mailbox): void
}

/** Most bytes in the first body of a link: a hello and its envelope. */
const MAX_FIRST_BODY_BYTES = MAX_HELLO_BYTES + MAX_ENVELOPE_BYTES
/**
 * Limits on links that have ended and could not tell their channels yet: their number, and the bytes that they keep
 * together. Above either, the oldest is forgotten.
 */
const MAX_ENDED_LINKS = 10_000
const MAX_ENDED_BYTES = 8_388_608

/** The server half of all HTTP transports: finds links by id, and answers every request that it refuses with a code. */
export function createHttpAcceptor(name: string, createDrain: (door: Door) => Drain): Acceptor {
  return { name, open: (door) => openHttpAcceptor(name, door, createDrain(door)) }
}

function openHttpAcceptor(name: string, door: Door, { drain, stream, forgotten }: Drain): OpenAcceptor {
  /** Links by their secret id. A closed link stays until its channel must have asked again and got the closing. */
  const mailboxes = new Map<string, Mailbox>()
  /** The closed links, oldest first: until when they stay, and how many bytes they kept when they closed. */
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
    // The channel is gone, so nobody will ask.
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
    const mailbox = new Mailbox(host, door.elsewhere?.createId() ?? door.runtime.id())
    mailbox.sink = door.admit(mailbox, originOf(name, exchange))
    return mailbox
  }

  /** Reads a large body. Only a welcomed link may send one; the envelope at its beginning names the link. */
  const largeBody = async (exchange: HttpExchange): Promise<Uint8Array> => {
    const most = door.maxBatchBytes + MAX_ENVELOPE_BYTES
    const bytes = Math.min(Number(exchange.header("content-length") ?? most), most)
    let end: (() => void) | undefined
    try {
      return await exchange.body(MAX_FIRST_BODY_BYTES, (beginning) => {
        const { link } = readBeginning(beginning, exchange.header("content-type") ?? "") ?? {}
        if (link === undefined) return MAX_FIRST_BODY_BYTES
        const known = mailboxes.get(link)
        if (known === undefined) {
          if (door.elsewhere?.has(link) !== true) throw new EverwireError("link-unknown", "no such link here")
          end = door.elsewhere.reserve(bytes)
          return most
        }
        if (!known.isWelcomed) return MAX_FIRST_BODY_BYTES
        known.beginBody(bytes)
        end = () => known.endBody(bytes)
        return most
      })
    } finally {
      end?.()
    }
  }

  /**
   * This hub does not know the link: another process of its cluster may. Apart from `answer`, where the closure would cost
   * each exchange a scope.
   */
  const answerElsewhere = (exchange: HttpExchange, link: string, body: Uint8Array | undefined): void => {
    const why = closing("link-unknown", "no such link here")
    // A channel repeats a request which a hub refuses that is not the link's: the next try may reach the right one.
    const unreached = (hub = door.elsewhere?.endedHub(link) ?? door.hub): void =>
      respond(exchange, 404, { hub, close: why })
    if (door.elsewhere?.answer(link, exchange, unreached, body) === true) return
    const ended = door.elsewhere?.endedHub(link)
    if (ended === undefined) throw closingError(why)
    unreached(ended)
  }

  const answer = (exchange: HttpExchange, envelope: Envelope, batch?: Batch, body?: Uint8Array): void => {
    const known = envelope.link === undefined ? undefined : mailboxes.get(envelope.link)
    if (envelope.link !== undefined && known === undefined) {
      return answerElsewhere(exchange, envelope.link, body)
    }
    if (known === undefined && envelope.up === undefined && envelope.close !== undefined) {
      return answerLeave(exchange, batch, door)
    }
    const { poll = 1 } = envelope
    // No request came before this one: its sender does not know the link's id yet.
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
        // The hello was refused. This answer is the last one, so the link need not be found again.
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

  /**
   * If the channel sent more than the hub handles at once, answers later, so that the channel waits before it sends on.
   */
  const drainLater = (mailbox: Mailbox, exchange: HttpExchange, envelope: Envelope): void =>
    mailbox.sink?.whenIdle?.(() => drain(mailbox, exchange, envelope, door, false))

  return {
    exchange(exchange) {
      if (exchange.method === "GET" && stream !== undefined) return stream(exchange)
      if (exchange.method !== "POST") {
        throw new EverwireError("refused", "only POST is understood here")
      }
      const line = exchange.header(ENVELOPE_HEADER)
      if (line !== undefined) return answer(exchange, readEnvelope(line))
      const isSmall = Number(exchange.header("content-length")) <= MAX_FIRST_BODY_BYTES
      const reading = isSmall ? exchange.body(MAX_FIRST_BODY_BYTES) : largeBody(exchange)
      return reading.then((body) => {
        const { envelope, batch } = decodeBody(body, exchange.header("content-type") ?? "")
        answer(exchange, envelope, batch, body)
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
