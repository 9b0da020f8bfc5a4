import { callSafely, settleSafely } from "../session/call-safely.ts"
import { deadline } from "../session/deadline.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import { type Packet, utf8 } from "../wire/batch.ts"
import { MAX_PAYLOAD_BYTES, REQUEST_TIMEOUT_MS } from "../wire/defaults.ts"
import { type Closing, closingError, EverwireError, protocolError, wordsOf } from "../wire/errors.ts"
import { CANCEL, FAILURE, MESSAGE, REQUEST, RESPONSE } from "../wire/kinds.ts"
import { checkName, encodePacket, openPacket } from "../wire/packet.ts"
import { type Body, decodePayload, encodePayload } from "../wire/payload.ts"
import { type PlatformSignal, whenAborted } from "./abort-signal.ts"
import { aborted, failureOf, readFailure } from "./failure.ts"
import type { Handlers, RequestHandler } from "./handlers.ts"
import { checkNames } from "./option-names.ts"
import { REQUEST_OPTIONS, type RequestOptions } from "./request-options.ts"

/** Where in the application's code an error was thrown. */
export type Stage = "message" | "request" | "listener"

/**
 * The platform's `AbortController` (DOM standard). Every runtime has it, but the language's own types do not declare
 * it.
 */
declare const AbortController: new () => { readonly signal: PlatformSignal; abort(): void }

/** What a dispatch needs of the channel or the peer that it works for. */
export interface DispatchHost<Context> {
  say(packet: Packet): void
  readonly handlers: readonly Handlers<Context>[]
  /** Largest encoded payload that the other side takes, in bytes. Undefined until a welcome has told it. */
  maxPayloadBytes(): number | undefined
  /** The argument that handlers get after the data. */
  context(): Context
  /** A handler of the application threw this error, or its promise rejected. */
  failed(error: unknown, stage: Stage): void
  /** Why this message or request is refused before a handler gets it; undefined if it is not. */
  refusal?(kind: "message" | "request", name: string, data: unknown): EverwireError | undefined
  /** A message of this name arrived, and no handler takes it. */
  missed?(name: string): void
}

/** Settles a request that waits for its response: with an error, or with the value of the response. */
type Waiting = (error: EverwireError | undefined, value?: unknown) => void

/**
 * Passes packets to handlers, and responses to the requests that wait for them. The same on the channel and the hub.
 */
export class Dispatch<Context> {
  readonly #runtime: Runtime
  readonly #host: DispatchHost<Context>
  #lastId = 0
  /** Requests of this side that wait for their response. A request that timed out or was aborted is removed. */
  #waiting: Map<string, Waiting> | undefined
  /** For each request of the other side that is being answered here: a function that aborts it. */
  #answering: Map<string, () => void> | undefined
  /** Why the session has ended. Undefined before that. */
  #ended: Closing | undefined

  constructor(runtime: Runtime, host: DispatchHost<Context>) {
    this.#runtime = runtime
    this.#host = host
  }

  /** @throws EverwireError `protocol-error` on a packet that cannot be read. */
  deliver(packet: Packet): void {
    const { kind, id, name, body } = openPacket(packet)
    switch (kind) {
      case MESSAGE:
        return this.#deliverMessage(name, body)
      case REQUEST:
        return this.#answer(id, name, body)
      case RESPONSE:
        return this.#waiting?.get(id)?.(undefined, read(body))
      case FAILURE:
        return this.#waiting?.get(id)?.(readFailure(read(body)))
      case CANCEL:
        this.#answering?.get(id)?.()
    }
  }

  /** How many requests wait for the other side, and how many are being answered here. */
  get open(): readonly [asked: number | undefined, answering: number | undefined] {
    return [this.#waiting?.size, this.#answering?.size]
  }

  request(name: string, data: unknown, options: RequestOptions = {}): Promise<unknown> {
    const { timeoutMs = REQUEST_TIMEOUT_MS, signal } = options
    return new Promise((resolve, reject) => {
      checkName(name)
      checkNames(options, REQUEST_OPTIONS, "request")
      if (signal?.aborted) throw aborted(name, signal)
      const id = String(++this.#lastId)
      const packet = encodePacket(REQUEST, [id, name], checkedPayload(data, this.#host.maxPayloadBytes()))
      // A getter in the data may have closed the session.
      if (this.#ended !== undefined) throw closingError(this.#ended)
      let cancelTimeout = (): void => {}
      const settle: Waiting = (error, value) => {
        this.#waiting?.delete(id)
        cancelTimeout()
        if (error === undefined) resolve(value)
        else reject(error)
        forget()
      }
      const giveUp = (error: EverwireError): void => {
        settle(error)
        this.#say(encodePacket(CANCEL, [id], ""))
      }
      const abort = (): void => giveUp(aborted(name, signal))
      const forget = whenAborted(signal, abort, (error) => this.#host.failed(error, "request"))
      this.#waiting ??= new Map()
      this.#waiting.set(id, settle)
      if (timeoutMs !== Infinity)
        cancelTimeout = deadline(this.#runtime, timeoutMs, () =>
          giveUp(
            new EverwireError("request-timeout", `no response to "${name}" in ${timeoutMs} ms`, {
              retryable: true,
            }),
          ),
        )
      this.#say(packet, settle as (error: unknown) => void) // `say` throws nothing but EverwireErrors
    })
  }

  /**
   * Returns why the other side does not take this packet, or undefined if it does. The packet was queued before the
   * other side told its limit. A request that is too large is rejected; for a message, the host's `failed` is called.
   */
  refusal(packet: Packet): EverwireError | undefined {
    const { kind, id, body } = openPacket(packet)
    try {
      checkSize(body, this.#host.maxPayloadBytes())
      return undefined
    } catch (thrown) {
      const error = thrown as EverwireError // `checkSize` throws nothing else
      if (kind === MESSAGE) {
        error.cause = readMessage(packet)
        this.#runtime.soon(() => this.#host.failed(error, "message"))
      } else this.#waiting?.get(id)?.(error)
      return error
    }
  }

  /** The session has ended: rejects the requests that wait, and aborts those that are being answered here. */
  end(why: Closing): void {
    this.#ended = why
    for (const waiting of this.#waiting?.values() ?? []) waiting(closingError(why))
    for (const abort of this.#answering?.values() ?? []) abort()
  }

  #deliverMessage(name: string, body: Body): void {
    const data = read(body)
    if (this.#host.refusal?.("message", name, data)) return
    let isHeard = false
    for (const handlers of this.#host.handlers) {
      for (const { handler } of handlers.messages(name)) {
        isHeard = true
        try {
          const result = handler?.(data, this.#host.context())
          if (isThenable(result)) this.#awaitHandler(result)
        } catch (error) {
          this.#host.failed(error, "message")
        }
      }
    }
    if (!isHeard) this.#host.missed?.(name)
  }

  /** A method of its own, so that a message whose handler returns no promise costs no closure. */
  #awaitHandler(result: PromiseLike<unknown>): void {
    settleSafely(result, (error) => this.#host.failed(error, "message"))
  }

  #answer(id: string, name: string, body: Body): void {
    const data = read(body)
    const host = this.#host
    let handler: RequestHandler<Context> | undefined
    for (const handlers of host.handlers) handler ??= handlers.request(name)
    const answer = handler
    const refusal = host.refusal?.("request", name, data)
    if (refusal || !answer) {
      const error = refusal ?? new EverwireError("request-unhandled", `nothing handles "${name}" here`)
      return this.#reply(id, failureOf(id, error))
    }
    this.#answering ??= new Map()
    const answering = this.#answering
    let abort: InstanceType<typeof AbortController> | undefined
    const request = {
      get signal(): PlatformSignal {
        abort ??= new AbortController()
        if (!answering.has(id)) abort.abort() // read for the first time after the other side stopped waiting
        return abort.signal
      },
    }
    answering.set(id, () => {
      if (answering.delete(id)) abort?.abort()
    })
    const fail = (error: unknown): void => {
      const waits = answering.delete(id)
      // A handler that obeys its signal throws an AbortError. That is expected and not reported.
      const words = wordsOf(error)
      const isOurs = words.startsWith("EverwireError")
      if (!isOurs && (waits || !words.startsWith("AbortError"))) host.failed(error, "request")
      // The other side sees the words of an EverwireError only. Other errors could tell it internals of this side.
      const told = isOurs ? error : new EverwireError("request-failed", "the handler failed")
      if (waits) this.#reply(id, failureOf(id, told as EverwireError)) // the name proves it, from any copy of the class
    }
    const reply = (value: unknown): void => {
      if (!answering.has(id)) return
      let packet: Packet
      try {
        packet = encodePacket(RESPONSE, [id], checkedPayload(value, host.maxPayloadBytes()))
      } catch (error) {
        // The author of the handler must see the error. The other side gets its code alone, not what a getter threw.
        host.failed(error, "request")
        throw new EverwireError((error as EverwireError).code, "the answer cannot be sent") // caught by `fail`
      }
      if (answering.delete(id)) this.#reply(id, packet)
    }
    callSafely(() => answer(data, host.context(), request), fail, reply)
  }

  /**
   * Queues an answer. If the outbox has no room, reports that here and sends a failure, which is short and may still
   * fit.
   */
  #reply(id: string, packet: Packet): void {
    this.#say(packet, (error) => {
      if (this.#ended) return // the peer was closed because of it, which is reported there
      this.#host.failed(error, "request")
      this.#say(failureOf(id, error as EverwireError)) // `say` throws nothing else
    })
  }

  /**
   * Queues a packet. If the outbox has no room and there is no `failed`, the packet is dropped: the other side waits
   * until its timeout.
   */
  #say(packet: Packet, failed?: (error: unknown) => void): void {
    callSafely(() => this.#host.say(packet), failed)
  }
}

/**
 * Encodes a message. One packet can be sent to any number of peers.
 *
 * @param header The text with which a message of this name begins, if the caller has it.
 * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
 */
export function encodeMessage(name: string, data: unknown, maxBytes?: number, header = headerOf(name)): Packet {
  const body = checkedPayload(data, maxBytes)
  return typeof body === "string" ? header + body : encodePacket(MESSAGE, [name], body)
}

function headerOf(name: string): string {
  checkName(name)
  return `${MESSAGE}${name}\t`
}

/**
 * Encodes the messages of one hub. Consecutive messages mostly have the same name. So the last name (its length is
 * bounded) is kept with its header: then neither the check nor the header is repeated.
 */
export class MessageEncoder {
  readonly #maxPayloadBytes: number
  #name = ""
  #header = ""

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /** @throws EverwireError as {@link encodeMessage} */
  encode(name: string, data: unknown): Packet {
    // An empty name equals the initial `#name`, so it is compared by the header, and refused by the check.
    if (name !== this.#name || this.#header === "") {
      this.#header = headerOf(name)
      this.#name = name
    }
    return encodeMessage(name, data, this.#maxPayloadBytes, this.#header)
  }
}

/** Returns the name and data of a message packet, as handlers get them. Undefined for a packet of another kind. */
export function readMessage(packet: Packet): { name: string; data: unknown } | undefined {
  const { kind, name, body } = openPacket(packet)
  return kind === MESSAGE ? { name, data: read(body) } : undefined
}

function checkedPayload(data: unknown, maxBytes?: number): Body {
  const body = encodePayload(data)
  checkSize(body, maxBytes)
  return body
}

/** @throws EverwireError `payload-too-large` */
function checkSize(body: Body, maxBytes = MAX_PAYLOAD_BYTES): void {
  // UTF-8 takes at most three bytes for each UTF-16 unit, so most texts do not have to be encoded to be measured.
  if (
    body.length > maxBytes ||
    (typeof body === "string" && 3 * body.length > maxBytes && utf8(body).length > maxBytes)
  ) {
    throw new EverwireError("payload-too-large", `the payload is larger than ${maxBytes} bytes; send it in parts`)
  }
}

function read(body: Body): unknown {
  try {
    return decodePayload(body)
  } catch {
    throw protocolError("a payload that is not JSON")
  }
}
