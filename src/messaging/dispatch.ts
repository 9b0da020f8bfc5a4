import { callSafely, settleSafely } from "../session/call-safely.ts"
import { deadline } from "../session/deadline.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import type { Packet } from "../wire/batch.ts"
import { type Closing, closingError, EverwireError } from "../wire/errors.ts"
import { CANCEL, CREDIT, FAILURE, ITEM, MESSAGE, REQUEST, RESPONSE } from "../wire/kinds.ts"
import { checkName, encodePacket, openPacket, readCount } from "../wire/packet.ts"
import { whenAborted } from "./abort-signal.ts"
import { Answers, INPUT, STREAM_ID } from "./answers.ts"
import type { DispatchHost } from "./dispatch-host.ts"
import { aborted, readFailure, told } from "./failure.ts"
import type { RequestContext, RequestHandler } from "./handlers.ts"
import { sourceOf } from "./item-pump.ts"
import { cancel, readItems, type Waiting } from "./item-reader.ts"
import { checkedPayload, checkSize, encodeMessage, readMessage, readPayload } from "./message.ts"
import { checkNames } from "./option-names.ts"
import { REQUEST_OPTIONS, type RequestOptions, STREAM_OPTIONS, type StreamOptions } from "./request-options.ts"

/** How long a request waits for its response by default. */
export const REQUEST_TIMEOUT_MS = 10_000

/**
 * Passes packets to handlers, and responses to the requests that wait for them. The same on the channel and the hub.
 */
export class Dispatch<Context> {
  readonly #runtime: Runtime
  readonly #host: DispatchHost<Context>
  /** Number of the last request of this side. A session that goes on in another process goes on with its numbers. */
  lastId = 0
  /**
   * Requests of this side that wait for their response. A request that timed out or was aborted is removed. And inputs of the
   * other side's requests that are being read.
   */
  #waiting: Map<string, Waiting> | undefined
  /** The other side's requests. Made for the first of them. */
  #answers: Answers<Context> | undefined
  /** Why the session has ended. Undefined before that. */
  #ended: Closing | undefined

  constructor(runtime: Runtime, host: DispatchHost<Context>) {
    this.#runtime = runtime
    this.#host = host
  }

  /** @throws EverwireError `protocol-error` on a packet that cannot be read. */
  deliver(packet: Packet): void {
    const { kind, id: field, name, body } = openPacket(packet)
    const { codec } = this.#host
    if (kind === MESSAGE) return this.hear(name, readPayload(body, codec))
    const [id = "", ms, input] = field.split(",")
    switch (kind) {
      case REQUEST:
        // A channel hears what it held back for its handlers even if its session is over by then, and nobody waits.
        if (this.#ended) return
        return this.#answering.answer(id, name, readPayload(body, codec), ms ? readCount(ms) : Infinity, !!input)
      case RESPONSE:
        return this.#waiting?.get(id)?.(undefined, readPayload(body, codec))
      case FAILURE:
        // See `failureOf`.
        return this.#waiting?.get(id)?.(readFailure(readPayload(body, typeof body === "string" ? undefined : codec)))
      case CANCEL:
        return this.#answers?.cancel(id)
      case ITEM:
        return this.#waiting?.get(id)?.item?.(readPayload(body, codec))
      case CREDIT:
        this.#answers?.grant(id, readCount(body as string)) // bytes are no count either
    }
  }

  /** Apart from `deliver`, where the closure would cost an allocation for each message. */
  get #answering(): Answers<Context> {
    this.#waiting ??= new Map()
    this.#answers ??= new Answers(this.#runtime, this.#host, this.#waiting, (...given) => this.call(...given))
    return this.#answers
  }

  /** A message as a packet. @throws EverwireError as {@link encodeMessage} */
  encode(name: string, data: unknown): Packet {
    return encodeMessage(name, data, this.#host)
  }

  /** The requests that wait for the other side, and those that are being answered here; with the inputs of the others. */
  get open(): readonly [
    asked: ReadonlyMap<string, Waiting> | undefined,
    answering: ReadonlyMap<string, unknown> | undefined,
  ] {
    return [this.#waiting, this.#answers?.open]
  }

  request(name: string, data: unknown, options: RequestOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      checkNames(options, REQUEST_OPTIONS, "request")
      const { timeoutMs = REQUEST_TIMEOUT_MS, signal, input } = options
      const [id, packet, waiting] = this.#ask("", name, data, timeoutMs, signal, input)
      let cancelTimeout = (): void => {}
      const settle: Waiting = (error, value) => {
        waiting.delete(id)
        cancelTimeout()
        if (error === undefined) resolve(value)
        else reject(error)
        forget()
        this.#answers?.cancel(INPUT + id)
      }
      const giveUp = (error: EverwireError): void => {
        settle(error)
        cancel(this.#host, id, packet)
      }
      const abort = (): void => giveUp(aborted(name, signal))
      const forget = whenAborted(signal, abort, (error) => this.#host.failed(error, "request"))
      waiting.set(id, settle)
      if (timeoutMs !== Infinity)
        cancelTimeout = deadline(this.#runtime, timeoutMs, () =>
          giveUp(
            new EverwireError("request-timeout", `no response to "${name}" in ${timeoutMs} ms`, {
              retryable: true,
            }),
          ),
        )
      callSafely(() => this.#host.say(packet), settle as (error: unknown) => void) // `say` throws nothing but EverwireErrors
    })
  }

  /**
   * Asks for a stream. An answer that is no stream counts as its only item.
   *
   * @throws EverwireError as `request` rejects, if nothing was sent
   */
  stream(name: string, data: unknown, options: StreamOptions = {}): AsyncGenerator<unknown, void, void> {
    checkNames(options, STREAM_OPTIONS, "stream")
    const { signal, input } = options
    const [id, first, waiting] = this.#ask(STREAM_ID, name, data, Infinity, signal, input)
    const settled = (): void => this.#answers?.cancel(INPUT + id)
    return readItems(this.#host, waiting, { id, name, first, signal, settled })[0]
  }

  /** Makes the packet of a request, after all that may be wrong with it was looked for. Its input waits for credit. */
  #ask(
    mark: string,
    name: string,
    data: unknown,
    timeoutMs: number,
    signal: RequestOptions["signal"],
    input: unknown,
  ): [id: string, packet: Packet, waiting: Map<string, Waiting>] {
    checkName(name)
    if (signal?.aborted) throw aborted(name, signal)
    if (!(timeoutMs >= 0)) throw new EverwireError("misuse", "timeoutMs is a number from 0 on")
    const id = mark + ++this.lastId
    const ms = timeoutMs < 1e15 ? Math.ceil(timeoutMs) : ""
    const field = `${id},${ms},${input == null ? "" : "+"}`.replace(/,+$/, "")
    const packet = encodePacket(REQUEST, [field, name], checkedPayload(data, this.#host))
    // A getter in the data may have closed the session.
    if (this.#ended !== undefined) throw closingError(this.#ended)
    if (input != null) {
      const source = sourceOf(input)
      if (!source) throw new EverwireError("misuse", "input is an async iterable or a ReadableStream")
      this.#answering.give(INPUT + id, source)
    }
    this.#waiting ??= new Map()
    return [id, packet, this.#waiting]
  }

  /**
   * Returns why the other side does not take this packet, or undefined if it does. The packet was queued before the
   * other side told its limit. A request that is too large is rejected; for a message, the host's `failed` is called.
   *
   * @param why Given for a request of which the other side has told that it was not begun.
   */
  refusal(packet: Packet, why?: Closing): EverwireError | undefined {
    const { kind, id, body } = openPacket(packet)
    try {
      if (why) throw closingError(why)
      checkSize(body, this.#host.maxPayloadBytes())
      return undefined
    } catch (thrown) {
      const error = thrown as EverwireError // `checkSize` throws nothing else
      if (kind === MESSAGE) {
        error.cause = readMessage(packet, this.#host.codec)
        this.#runtime.soon(() => this.#host.failed(error, "message"))
      } else if (kind === REQUEST) this.#waiting?.get(id.split(",")[0] ?? "")?.(error)
      return error
    }
  }

  /** The session has ended: rejects the requests that wait, and aborts those that are being answered here. */
  end(why: Closing): void {
    this.#ended = why
    for (const waiting of this.#waiting?.values() ?? []) waiting(closingError(why))
    this.#answers?.end()
  }

  /** Calls the handlers of a message. */
  hear(name: string, data: unknown): void {
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

  /** Calls the handler of a request. The asker is told what it throws, if that is a RequestFailure. */
  call(name: string, handler: RequestHandler<Context> | undefined, data: unknown, request: RequestContext): unknown {
    const refusal = this.#host.refusal?.("request", name, data)
    if (refusal) throw told(refusal)
    if (!handler) throw told(new EverwireError("request-unhandled", `nothing handles "${name}" here`))
    return handler(data, this.#host.context(), request)
  }
}
