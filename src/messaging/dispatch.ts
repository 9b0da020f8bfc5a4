import { callSafely, settleSafely } from "../session/call-safely.ts"
import { deadline } from "../session/deadline.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import { type Packet, utf8 } from "../wire/batch.ts"
import { MAX_PAYLOAD_BYTES, REQUEST_TIMEOUT_MS } from "../wire/defaults.ts"
import { type Closing, type Code, closingError, EverwireError, protocolError, wordsOf } from "../wire/errors.ts"
import { CANCEL, FAILURE, MESSAGE, REQUEST, RESPONSE } from "../wire/kinds.ts"
import { checkFunction, checkName, encodePacket, openPacket } from "../wire/packet.ts"
import { type Body, decodePayload, encodePayload } from "../wire/payload.ts"
import { checkNames } from "./option-names.ts"

/** Cancels a subscription. Calling it again does nothing. */
export type Unsubscribe = () => void

/** Where an error of the application's own code came from. */
export type Stage = "message" | "request" | "listener"

/** What a handler of requests is given beside the data. */
export interface RequestContext {
  /** Fires when the other side no longer waits. Looked at, it costs an AbortController; not looked at, nothing. */
  readonly signal: PlatformSignal
}

/** The platform's own AbortSignal, as `fetch` wants it, where its types are there. */
type PlatformSignal = typeof globalThis extends { AbortSignal: { prototype: infer Signal } }
  ? Signal & AbortSignalLike
  : AbortSignalLike

/** The part of AbortSignal (DOM standard) that the kernel needs. */
interface AbortSignalLike {
  readonly aborted: boolean
  readonly reason?: unknown
  addEventListener(type: "abort", listener: () => void): void
  removeEventListener(type: "abort", listener: () => void): void
}

/** Options of a request. */
export interface RequestOptions {
  /** How long to wait for the response, in milliseconds. Default 10 000; `Infinity` waits for ever. */
  readonly timeoutMs?: number | undefined
  /** Aborts the wait; the other side is told. */
  readonly signal?: AbortSignalLike | undefined
}

const REQUEST_OPTIONS = { timeoutMs: "number", signal: "addEventListener" } satisfies Record<
  keyof RequestOptions,
  string
>

export type MessageHandler<Context> = (data: unknown, context: Context) => unknown
export type RequestHandler<Context> = (data: unknown, context: Context, request: RequestContext) => unknown

/** One call of `on`. The same function may be subscribed twice: each subscription is called, and cancelled, on its own. */
export interface Subscription<Context> {
  /** Undefined once it is cancelled: then it is not called any more, not even for the message that is being heard. */
  handler: MessageHandler<Context> | undefined
}

/** Handlers by name. Maps, never objects: a message called `constructor` is a message. */
export class Handlers<Context> {
  /** Lists that are never changed, so that a handler may come or go while they are called. */
  #messages: Map<string, readonly Subscription<Context>[]> | undefined
  #requests: Map<string, { readonly handler: RequestHandler<Context> }> | undefined

  /** @throws EverwireError `misuse` on a name that is none, and on a handler that is no function. */
  on(name: string, handler: MessageHandler<Context>): Unsubscribe {
    checkName(name)
    checkFunction(handler)
    const subscription: Subscription<Context> = { handler }
    this.#messages ??= new Map()
    this.#messages.set(name, [...this.messages(name), subscription])
    return () => {
      subscription.handler = undefined
      const left = this.messages(name).filter((other) => other !== subscription)
      if (left.length > 0) this.#messages?.set(name, left)
      else this.#messages?.delete(name)
    }
  }

  /** @throws EverwireError `misuse` as `on`, and when the name is taken: two answers to one question cannot both be sent. */
  handle(name: string, handler: RequestHandler<Context>): Unsubscribe {
    checkName(name)
    checkFunction(handler)
    this.#requests ??= new Map()
    if (this.#requests.has(name))
      throw new EverwireError("misuse", `"${name}" has a handler already: remove that first`)
    // The same function may be set again later: then this one's unsubscribe, called once more, must not take that off.
    const subscription = { handler }
    this.#requests.set(name, subscription)
    return () => {
      if (this.#requests?.get(name) === subscription) this.#requests.delete(name)
    }
  }

  messages(name: string): readonly Subscription<Context>[] {
    return this.#messages?.get(name) ?? NOBODY
  }

  request(name: string): RequestHandler<Context> | undefined {
    return this.#requests?.get(name)?.handler
  }
}

const NOBODY: readonly never[] = []

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
  createAbort(): { readonly signal: PlatformSignal; abort(): void }
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
        return this.#deliverMessage(name, body)
      case REQUEST:
        return this.#answer(id, name, body)
      case RESPONSE:
        return this.#waiting?.get(id)?.(undefined, read(body))
      case FAILURE:
        return this.#waiting?.get(id)?.(readFailure(body))
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
      // A getter of the data may have closed it.
      if (this.#ended !== undefined) throw closingError(this.#ended)
      let cancelTimeout = (): void => {}
      const settle: Waiting = (error, value) => {
        this.#waiting?.delete(id)
        cancelTimeout()
        if (error === undefined) resolve(value)
        else reject(error)
        // The signal may be of any make.
        callSafely(
          () => signal?.removeEventListener("abort", abort),
          (error) => this.#host.failed(error, "request"),
        )
      }
      const giveUp = (error: EverwireError): void => {
        settle(error)
        this.#say(encodePacket(CANCEL, [id], ""))
      }
      const abort = (): void => giveUp(aborted(name, signal))
      signal?.addEventListener("abort", abort)
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
    for (const waiting of [...(this.#waiting?.values() ?? [])]) waiting(closingError(why))
    for (const abort of [...(this.#answering?.values() ?? [])]) abort()
  }

  #deliverMessage(name: string, body: Body): void {
    const data = read(body)
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
    let abort: ReturnType<DispatchHost<Context>["createAbort"]> | undefined
    const request = {
      get signal(): PlatformSignal {
        abort ??= host.createAbort()
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
        return fail(new EverwireError((error as EverwireError).code, "the answer cannot be sent")) // as it is thrown there
      }
      if (answering.delete(id)) this.#reply(id, packet)
    }
    callSafely(() => answer(data, host.context(), request), fail, reply)
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
 * @throws EverwireError `misuse`, `payload-unsupported`, `payload-too-large`
 */
export function encodeMessage(name: string, data: unknown, maxBytes?: number): Packet {
  if (name !== lastName) {
    checkName(name)
    lastName = name
    lastHeader = `${MESSAGE}${name}\t`
  }
  const header = lastHeader // a `toJSON` or a getter of the data may send something else meanwhile
  const body = checkedPayload(data, maxBytes)
  return typeof body === "string" ? header + body : encodePacket(MESSAGE, [name], body)
}

/** The name that was said last, and what it leads a text with: most are said many times in a row. */
let lastName: string | undefined
let lastHeader = ""

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

/** The answer to a request that failed. */
export function failureOf(id: string, { code, message }: Pick<EverwireError, "code" | "message">): Packet {
  return encodePacket(FAILURE, [id], JSON.stringify({ code, message }))
}

function readFailure(body: Body): EverwireError {
  const { code, message } = Object(read(body)) as { code?: unknown; message?: unknown } // narrowed below
  return new EverwireError(
    (typeof code === "string" ? code : "request-failed") as Code, // as in readClosing: a newer peer's code passes through
    typeof message === "string" ? message : "the handler failed",
  )
}

function aborted(name: string, signal: AbortSignalLike | undefined): EverwireError {
  return new EverwireError("request-aborted", `"${name}" was aborted`, { cause: signal?.reason })
}
