import { callSafely } from "../session/call-safely.ts"
import { deadline } from "../session/deadline.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import type { Packet } from "../wire/batch.ts"
import { EverwireError, wordsOf } from "../wire/errors.ts"
import { ITEM, RESPONSE } from "../wire/kinds.ts"
import { encodePacket } from "../wire/packet.ts"
import type { PlatformSignal } from "./abort-signal.ts"
import type { DispatchHost } from "./dispatch-host.ts"
import { failureOf, type RequestFailure, told } from "./failure.ts"
import type { RequestContext, RequestHandler } from "./handlers.ts"
import { type ItemPump, pumpItems, sourceOf } from "./item-pump.ts"
import { checkedPayload } from "./message.ts"

/** The ids of requests for a stream begin with this. Any other request has one answer. */
export const STREAM_ID = "s"

/**
 * The platform's `AbortController` (DOM standard). Every runtime has it, but the language's own types do not declare
 * it.
 */
declare const AbortController: new () => { readonly signal: PlatformSignal; abort(): void }

/** Calls the handler of a request with its data, and returns what that returns. Throws if there is no handler. */
type Call<Context> = (
  name: string,
  handler: RequestHandler<Context> | undefined,
  data: unknown,
  request: RequestContext,
) => unknown

/** A request that is being answered. */
interface Answering {
  /** The other side has stopped waiting. */
  abort(): void
  /** Set if the answer is a stream. */
  pump?: ItemPump
}

/** The requests of the other side that are being answered here. */
export class Answers<Context> {
  readonly #runtime: Runtime
  readonly #host: DispatchHost<Context>
  readonly #call: Call<Context>
  readonly #open = new Map<string, Answering>()
  #isOver = false

  constructor(runtime: Runtime, host: DispatchHost<Context>, call: Call<Context>) {
    this.#runtime = runtime
    this.#host = host
    this.#call = call
  }

  get size(): number {
    return this.#open.size
  }

  /** The other side no longer waits for this answer. */
  cancel(id: string): void {
    this.#open.get(id)?.abort()
  }

  /** The other side has room for more items of this stream. */
  grant(id: string, items: number): void {
    this.#open.get(id)?.pump?.grant(items)
  }

  /** The session has ended. */
  end(): void {
    this.#isOver = true
    for (const answering of this.#open.values()) answering.abort()
  }

  /** `timeoutMs`: how long the other side waits, as it says. */
  answer(id: string, name: string, data: unknown, timeoutMs = Infinity): void {
    const host = this.#host
    const leftMs = timeoutMs - (host.waitedMs ?? 0)
    if (leftMs < 0) return // nobody waits
    let handler: RequestHandler<Context> | undefined
    for (const handlers of host.handlers) handler ??= handlers.request(name)
    const found = handler
    const open = this.#open
    let abort: InstanceType<typeof AbortController> | undefined
    const request = {
      get signal(): PlatformSignal {
        abort ??= new AbortController()
        if (open.get(id) !== answering) abort.abort() // read for the first time after the other side stopped waiting
        return abort.signal
      },
    }
    const answering: Answering = {
      abort() {
        if (!isSettled()) return
        abort?.abort()
        answering.pump?.stop()
      },
    }
    /** Whether the other side waited until now; it does not wait any more. */
    const isSettled = (): boolean => {
      cancelDeadline?.()
      return open.get(id) === answering && open.delete(id)
    }
    let cancelDeadline: (() => void) | undefined
    open.set(id, answering)
    const fail = (error: unknown): void => {
      const waits = isSettled()
      const words = wordsOf(error)
      const isMeant = words.startsWith("RequestFailure")
      // A handler that obeys its signal throws an AbortError, and what it waits for an EverwireError. That is expected.
      if (!isMeant && (waits || !/^(Abort|Everwire)Error/.test(words))) host.failed(error, "request")
      if (!waits) return
      // Any other error could tell the other side internals of this side, an EverwireError of another call too.
      const failure = isMeant ? error : new EverwireError("request-failed", "the handler failed")
      this.#reply(id, this.#failure(id, failure as RequestFailure)) // its name proves it, from any copy of the class
    }
    const reply = (value: unknown): void => {
      if (open.get(id) !== answering) return
      const packet = this.#encode(RESPONSE, id, value)
      if (isSettled()) this.#reply(id, packet)
    }
    const items = (value: unknown): unknown => this.#pump(id, name, answering, value)
    const call = (): unknown => {
      const value = this.#call(name, found, data, request)
      const answered = isThenable(value) ? Promise.resolve(value).then(items) : items(value)
      return host.answering ? host.answering(answered) : answered
    }
    callSafely(call, fail, reply)
    // An answer that is there at once needs no timer.
    if (leftMs < Infinity && open.get(id) === answering)
      cancelDeadline = deadline(this.#runtime, leftMs, () => answering.abort())
  }

  /** Sends the items of a stream. Returns a promise of its end, or an answer that is no stream as it is. */
  #pump(id: string, name: string, answering: Answering, answer: unknown): unknown {
    const source = sourceOf(answer)
    if (!source) return answer
    const host = this.#host
    if (!id.startsWith(STREAM_ID)) {
      callSafely(() => source.return?.())
      throw told(new EverwireError("request-failed", `"${name}" answers with a stream: ask with stream()`))
    }
    const pump = pumpItems(
      source,
      (item) => host.say(this.#encode(ITEM, id, item)),
      () => host.writable(),
    )
    answering.pump = pump
    if (this.#open.get(id) !== answering) pump.stop() // the other side has stopped waiting meanwhile
    return pump.done
  }

  /** @throws RequestFailure the code alone: the author of the handler must see the error, but not the other side. */
  #encode(kind: typeof RESPONSE | typeof ITEM, id: string, value: unknown): Packet {
    try {
      return encodePacket(kind, [id], checkedPayload(value, this.#host.maxPayloadBytes()))
    } catch (error) {
      throw this.#unsendable(error)
    }
  }

  /** The packet of a failure. If its data cannot be sent, that is what the other side is told. */
  #failure(id: string, failure: RequestFailure): Packet {
    try {
      return failureOf(id, failure, this.#host.maxPayloadBytes())
    } catch (error) {
      return failureOf(id, this.#unsendable(error))
    }
  }

  #unsendable(error: unknown): RequestFailure {
    this.#host.failed(error, "request")
    return told(new EverwireError((error as EverwireError).code, "the answer cannot be sent")) // nothing else is thrown
  }

  /**
   * Queues an answer. If the outbox has no room, reports that here and sends a failure, which is short and may still
   * fit.
   */
  #reply(id: string, packet: Packet): void {
    const host = this.#host
    callSafely(
      () => host.say(packet),
      (error) => {
        if (this.#isOver) return // the peer was closed because of it, which is reported there
        host.failed(error, "request")
        callSafely(() => host.say(failureOf(id, error as EverwireError))) // `say` throws nothing else
      },
    )
  }
}
