import { callSafely } from "../session/call-safely.ts"
import { deadline } from "../session/deadline.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import type { Packet } from "../wire/batch.ts"
import { EverwireError, protocolError, wordsOf } from "../wire/errors.ts"
import { CREDIT, ITEM, RESPONSE } from "../wire/kinds.ts"
import { encodePacket } from "../wire/packet.ts"
import type { PlatformSignal } from "./abort-signal.ts"
import type { DispatchHost } from "./dispatch-host.ts"
import { aborted, failureOf, type RequestFailure, told } from "./failure.ts"
import type { RequestContext, RequestHandler } from "./handlers.ts"
import { type ItemPump, pumpItems, type Source, STREAM_CREDIT, sourceOf } from "./item-pump.ts"
import { readItems, type Waiting } from "./item-reader.ts"
import { checkedPayload } from "./message.ts"

/** The ids of requests for a stream begin with this. Any other request has one answer. */
export const STREAM_ID = "s"

/** This and the id of a request is the id of its input, which goes the other way. */
export const INPUT = "+"

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

/** A request that is being answered, or the input of one that is being sent. */
interface Answering {
  /** Fires when the other side stops waiting. Made when a handler reads it. */
  abort?: InstanceType<typeof AbortController>
  /** Set if items are sent. */
  pump?: ItemPump
  /** Set when the handler reads the input. */
  input?: AsyncGenerator<unknown, void, void>
  /** Ends the input for the handler that reads it. */
  ended?: () => void
  cancelDeadline?: () => void
}

/** The requests of the other side that are being answered here, and the inputs of this side's requests. */
export class Answers<Context> {
  readonly #runtime: Runtime
  readonly #host: DispatchHost<Context>
  readonly #waiting: Map<string, Waiting>
  readonly #call: Call<Context>
  readonly open = new Map<string, Answering>()
  #isOver = false

  constructor(runtime: Runtime, host: DispatchHost<Context>, waiting: Map<string, Waiting>, call: Call<Context>) {
    this.#runtime = runtime
    this.#host = host
    this.#waiting = waiting
    this.#call = call
  }

  /** The other side no longer waits for this. */
  cancel(id: string): void {
    const answering = this.open.get(id)
    if (!answering) return
    this.#settle(id, answering)
    answering.abort?.abort()
    answering.pump?.stop()
  }

  /** The other side has room for more items of this stream. */
  grant(id: string, items: number): void {
    this.open.get(id)?.pump?.grant(items)
  }

  /** The session has ended. */
  end(): void {
    this.#isOver = true
    for (const id of this.open.keys()) this.cancel(id)
  }

  /** Sends the input of a request of this side, as soon as the other side grants credit for it. */
  give(id: string, source: Source): void {
    const answering: Answering = {}
    this.#run(id, answering, () => this.#pump(id, answering, source, 0))
  }

  /** `timeoutMs`: how long the other side waits, as it says. */
  answer(id: string, name: string, data: unknown, timeoutMs: number, hasInput: boolean): void {
    const { open } = this
    if (id.startsWith(INPUT) || open.has(id)) throw protocolError("a request with the id of another")
    const host = this.#host
    const leftMs = timeoutMs - (host.waitedMs ?? 0)
    if (leftMs < 0) return // nobody waits
    let handler: RequestHandler<Context> | undefined
    for (const handlers of host.handlers) handler ??= handlers.request(name)
    const found = handler
    const answering: Answering = {}
    const waiting = this.#waiting
    const inputId = INPUT + id
    const request: RequestContext = {
      get signal() {
        answering.abort ??= new AbortController()
        if (open.get(id) !== answering) answering.abort.abort() // read for the first time after the other side stopped waiting
        return answering.abort.signal
      },
      get input() {
        if (answering.input) return answering.input
        const first = hasInput ? encodePacket(CREDIT, [inputId], String(STREAM_CREDIT)) : undefined
        const [input, end] = readItems(host, waiting, { id: inputId, name, first })
        answering.input = input
        if (hasInput) answering.ended = () => end(aborted(name, undefined))
        if (open.get(id) !== answering) answering.ended?.()
        return input
      },
    }
    const items = (value: unknown): unknown => {
      const source = sourceOf(value)
      if (!source) return value
      if (id.startsWith(STREAM_ID)) return this.#pump(id, answering, source)
      callSafely(() => source.return?.())
      throw told(new EverwireError("request-failed", `"${name}" answers with a stream: ask with stream()`))
    }
    const call = (): unknown => {
      const value = this.#call(name, found, data, request)
      return isThenable(value) ? Promise.resolve(value).then(items) : items(value)
    }
    this.#run(id, answering, host.answering?.(name, call) ?? call)
    // An answer that is there at once needs no timer.
    if (leftMs < Infinity && open.get(id) === answering)
      answering.cancelDeadline = deadline(this.#runtime, leftMs, () => this.cancel(id))
  }

  /** Answers with what comes of this call. */
  #run(id: string, answering: Answering, call: () => unknown): void {
    this.open.set(id, answering)
    callSafely(
      call,
      (error) => this.#fail(id, error, this.#settle(id, answering)),
      (value) => {
        if (this.open.get(id) !== answering) return
        const packet = this.#encode(RESPONSE, id, value)
        if (this.#settle(id, answering)) this.#reply(id, packet)
      },
    )
  }

  /** Returns whether the other side waited until now. It does not wait any more. */
  #settle(id: string, answering: Answering): boolean {
    if (this.open.get(id) !== answering) return false
    this.open.delete(id)
    answering.cancelDeadline?.()
    answering.ended?.()
    return true
  }

  #fail(id: string, error: unknown, waits: boolean): void {
    const words = wordsOf(error)
    const isMeant = words.startsWith("RequestFailure")
    // A handler that obeys its signal throws an AbortError, and what it waits for an EverwireError. That is expected.
    if (!isMeant && (waits || !/^(Abort|Everwire)Error/.test(words))) this.#host.failed(error, "request")
    if (!waits) return
    // Any other error could tell the other side internals of this side, an EverwireError of another call too.
    const failure = isMeant
      ? error
      : new EverwireError("request-failed", `the ${id.startsWith(INPUT) ? "input" : "handler"} failed`)
    this.#reply(id, this.#failure(id, failure as RequestFailure)) // its name proves it, from any copy of the class
  }

  /** Sends the items of a stream. Returns a promise of its end. */
  #pump(id: string, answering: Answering, source: Source, credit?: number): Promise<void> {
    const host = this.#host
    const pump = pumpItems(
      source,
      (item) => host.say(this.#encode(ITEM, id, item)),
      () => host.writable(),
      credit,
    )
    answering.pump = pump
    if (this.open.get(id) !== answering) pump.stop() // the other side has stopped waiting meanwhile
    return pump.done
  }

  /** @throws RequestFailure the code alone: the author of the handler must see the error, but not the other side. */
  #encode(kind: typeof RESPONSE | typeof ITEM, id: string, value: unknown): Packet {
    try {
      return encodePacket(kind, [id], checkedPayload(value, this.#host))
    } catch (error) {
      throw this.#unsendable(error)
    }
  }

  /** The packet of a failure. If its data cannot be sent, that is what the other side is told. */
  #failure(id: string, failure: RequestFailure): Packet {
    try {
      return failureOf(id, failure, failure.data === undefined ? undefined : this.#host)
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
