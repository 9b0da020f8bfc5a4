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
import type { Handlers, RequestContext, RequestHandler } from "./handlers.ts"
import { checkNames } from "./option-names.ts"
import { REQUEST_OPTIONS, type RequestOptions } from "./request-options.ts"

/** Where an error of the application's own code came from. */
export type Stage = "message" | "request" | "listener"

/** The platform's (DOM standard): every runtime has it, and no types of the language know it. */
declare const AbortController: new () => { readonly signal: PlatformSignal; abort(): void }

/** What dispatch needs of its seat. */
export interface DispatchHost<Context> {
  say(packet: Packet): void
  readonly handlers: readonly Handlers<Context>[]
  /** Largest encoded payload that the other side takes; undefined until it has said. */
  maxPayloadBytes(): number | undefined
  /** What handlers are given beside the data. */
  context(): Context
  /** An error that the application's own handler threw. */
  failed(error: unknown, stage: Stage): void
  /** A message of this name came, and nothing handles it. */
  missed?(name: string): void
  /** What the other side sent was not accepted: it does not fit the contract. Without it, `failed` is told. */
  refused?(error: EverwireError): void
  /** Told what a handler of requests has returned. Returns what is to be waited for in its place. */
  answering?(answer: unknown): unknown
}

/** Ends the wait for a response: with an error, or with the response. */
type Waiting = (error: EverwireError | undefined, value?: unknown) => void

/** Packets to handlers, requests to their answers: the same on both seats. */
export class Dispatch<Context> {
  readonly #runtime: Runtime
  readonly #host: DispatchHost<Context>
  #lastId = 0
  /** Own requests that wait for their response. One that timed out or was aborted waits no longer. */
  #waiting: Map<string, Waiting> | undefined
  /** How to abort those of the other side's requests that are still being answered here. */
  #answering: Map<string, () => void> | undefined
  /** Why nobody answers any more. */
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
        return this.hear(name, read(body))
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

  /** A message as a packet. @throws EverwireError as {@link encodeMessage} */
  encode(name: string, data: unknown): Packet {
    return encodeMessage(name, data, this.#host.maxPayloadBytes())
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
      // A getter of the data may have closed it.
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
      this.#say(packet, settle as (error: unknown) => void) // `say` throws no other than an EverwireError
    })
  }

  /**
   * Why the other side does not take this packet, which was said before it told its limit. Who made the request, or else
   * the host, is told.
   */
  refusal(packet: Packet): EverwireError | undefined {
    const { kind, id, body } = openPacket(packet)
    try {
      checkSize(body, this.#host.maxPayloadBytes())
      return undefined
    } catch (thrown) {
      const error = thrown as EverwireError // checkSize throws no other
      if (kind === MESSAGE) {
        error.cause = readMessage(packet)
        this.#runtime.soon(() => this.#host.failed(error, "message"))
      } else this.#waiting?.get(id)?.(error)
      return error
    }
  }

  /** The session is over: nobody will answer, and nobody waits for what is being answered here. */
  end(why: Closing): void {
    this.#ended = why
    for (const waiting of this.#waiting?.values() ?? []) waiting(closingError(why))
    for (const abort of this.#answering?.values() ?? []) abort()
  }

  /** Calls the handlers of a message. */
  hear(name: string, data: unknown): void {
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

  /** Apart from its caller, which would have to make a closure for every message. */
  #awaitHandler(result: PromiseLike<unknown>): void {
    settleSafely(result, (error) => this.#host.failed(error, "message"))
  }

  #answer(id: string, name: string, body: Body): void {
    const data = read(body)
    const host = this.#host
    let handler: RequestHandler<Context> | undefined
    for (const handlers of host.handlers) handler ??= handlers.request(name)
    const answer = handler
    if (!answer) {
      const error = new EverwireError("request-unhandled", `nothing handles "${name}" here`)
      return this.#reply(id, failureOf(id, error))
    }
    this.#answering ??= new Map()
    const answering = this.#answering
    let abort: InstanceType<typeof AbortController> | undefined
    const request = {
      get signal(): PlatformSignal {
        abort ??= new AbortController()
        if (!answering.has(id)) abort.abort() // first looked at when the other side has stopped waiting
        return abort.signal
      },
    }
    answering.set(id, () => {
      if (answering.delete(id)) abort?.abort()
    })
    const fail = (error: unknown): void => {
      const waits = answering.delete(id)
      // A handler that heeds its signal fails with what that says, which is no news.
      const words = wordsOf(error)
      const isOurs = words.startsWith("EverwireError")
      if (!isOurs && (waits || !words.startsWith("AbortError"))) host.failed(error, "request")
      // Only an EverwireError speaks for itself: nothing else of this side's insides crosses the wire.
      const told = isOurs ? error : new EverwireError("request-failed", "the handler failed")
      if (waits) this.#reply(id, failureOf(id, told as EverwireError)) // as its name says, of whichever copy of the class
    }
    const reply = (value: unknown): void => {
      if (!answering.has(id)) return
      let packet: Packet
      try {
        packet = encodePacket(RESPONSE, [id], checkedPayload(value, host.maxPayloadBytes()))
      } catch (error) {
        // The handler's author has to know. The other side learns the code, and nothing of what a getter threw.
        host.failed(error, "request")
        throw new EverwireError((error as EverwireError).code, "the answer cannot be sent") // goes to `fail`; as it is thrown there
      }
      if (answering.delete(id)) this.#reply(id, packet)
    }
    const call = (): unknown => {
      const answered = this.call(name, answer, data, request)
      return host.answering ? host.answering(answered) : answered
    }
    callSafely(call, fail, reply)
  }

  /** Calls the handler of a request. The asker is told what it throws, if that is an EverwireError. */
  call(_name: string, handler: RequestHandler<Context>, data: unknown, request: RequestContext): unknown {
    return handler(data, this.#host.context(), request)
  }

  /** Says an answer. One that finds no room is told here; there too, if a failure, which is short, still finds some. */
  #reply(id: string, packet: Packet): void {
    this.#say(packet, (error) => {
      if (this.#ended) return // by this: the seat tells it
      this.#host.failed(error, "request")
      this.#say(failureOf(id, error as EverwireError)) // `say` throws no other
    })
  }

  /** Unless told otherwise, what finds no room is left out: the other side waits, or answers, in vain until its time is over. */
  #say(packet: Packet, failed?: (error: unknown) => void): void {
    callSafely(() => this.#host.say(packet), failed)
  }
}

/**
 * A message, encoded once for however many peers will be sent it.
 *
 * @param header What a message of this name begins with as a text, where that is known.
 * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
 */
export function encodeMessage(name: string, data: unknown, maxBytes?: number, header = headerOf(name)): Packet {
  const body = checkedPayload(data, maxBytes)
  return typeof body === "string" ? header + body : encodePacket(MESSAGE, [name], body)
}

/** What a message of this name begins with as a text. @throws EverwireError `misuse` on a name that is none. */
export function headerOf(name: string): string {
  checkName(name)
  return `${MESSAGE}${name}\t`
}

/** What an application would have heard as this packet; `undefined` for what is no message. */
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
  // UTF-8 needs at most three bytes per UTF-16 unit, so most texts need not be measured.
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
