import { deadline } from "../session/deadline.ts"
import type { Runtime } from "../session/runtime.ts"
import { isThenable } from "../session/thenable.ts"
import type { Packet } from "../wire/batch.ts"
import { EverwireError } from "../wire/errors.ts"
import { whenAborted } from "./abort-signal.ts"
import { Dispatch, REQUEST_TIMEOUT_MS } from "./dispatch.ts"
import type { DispatchHost } from "./dispatch-host.ts"
import { aborted, type RequestFailure, told } from "./failure.ts"
import type { RequestContext, RequestHandler } from "./handlers.ts"
import { type Source, sourceOf } from "./item-pump.ts"
import { judge, type Verdict } from "./judge.ts"
import { checkNames } from "./option-names.ts"
import { REQUEST_OPTIONS, type RequestOptions, type StreamOptions } from "./request-options.ts"
import { isReserved } from "./reserved.ts"
import type { Schema } from "./schema.ts"
import {
  answerTo,
  asynchronous,
  checkSaid,
  failed,
  quoted,
  type SeatSchemas,
  taken,
  unfit,
  unknownName,
} from "./seat-schemas.ts"

/** A dispatch that checks what it says and hears by the schemas of a contract. */
export class CheckedDispatch<Context> extends Dispatch<Context> {
  readonly #schemas: SeatSchemas
  readonly #runtime: Runtime
  readonly #host: DispatchHost<Context>

  constructor(schemas: SeatSchemas, runtime: Runtime, host: DispatchHost<Context>) {
    super(runtime, host)
    this.#schemas = schemas
    this.#runtime = runtime
    this.#host = host
  }

  /** @throws EverwireError as {@link checkSaid}, too. */
  override encode(name: string, data: unknown): Packet {
    return super.encode(name, checkSaid(this.#schemas, name, data))
  }

  override hear(name: string, data: unknown): void {
    if (isReserved(name)) return super.hear(name, data)
    const schema = this.#schemas.heard.get(name)
    if (schema === undefined) {
      return this.#refuse(new EverwireError("payload-invalid", `the contract has no message ${quoted(name)}`))
    }
    const verdict = judge(schema, data)
    if (isThenable(verdict)) this.#host.failed(asynchronous(name), "message")
    else if ("value" in verdict) super.hear(name, verdict.value)
    else if ("where" in verdict) this.#refuse(unfit(quoted(name), verdict.where))
    else this.#host.failed(verdict.thrown, "message")
  }

  override call(
    name: string,
    handler: RequestHandler<Context> | undefined,
    data: unknown,
    request: RequestContext,
  ): unknown {
    if (isReserved(name)) return super.call(name, handler, data, request)
    const schemas = this.#schemas.answered.get(name)
    if (schemas === undefined)
      throw told(new EverwireError("request-unhandled", `nothing handles ${quoted(name)} here`))
    const begin = (verdict: Verdict): unknown => {
      if (!("value" in verdict)) throw this.#declined(quoted(name), verdict)
      const answer = super.call(name, handler, verdict.value, this.#withCheckedInput(name, schemas.inputItems, request))
      return isThenable(answer) ? Promise.resolve(answer).then(end) : end(answer)
    }
    const end = (answer: unknown): unknown => {
      if (schemas.items !== undefined) return this.#itemsOf(name, schemas.items, answer)
      const verdict = judge(schemas.output, answer)
      return isThenable(verdict)
        ? verdict.then((late) => this.#toAnswer(answerTo(name), answer, late))
        : this.#toAnswer(answerTo(name), answer, verdict)
    }
    const verdict = judge(schemas.input, data)
    if (!isThenable(verdict)) return begin(verdict)
    return verdict.then((late) => {
      // The asker may have given up while the schema was busy.
      if (request.signal.aborted) throw aborted(name, undefined)
      return begin(late)
    })
  }

  override async request(name: string, data: unknown, options: RequestOptions = {}): Promise<unknown> {
    if (isReserved(name)) return super.request(name, data, options)
    const schemas = this.#schemas.asked.get(name)
    if (schemas === undefined) throw unknownName("request", name)
    if (schemas.items !== undefined) {
      throw new EverwireError("misuse", `${quoted(name)} is answered with items: ask with stream()`)
    }
    checkNames(options, REQUEST_OPTIONS, "request")
    const { timeoutMs = REQUEST_TIMEOUT_MS, signal } = options
    const given = { ...options, input: this.#checkedInput(name, schemas.inputItems, options.input) }
    const startedAt = this.#runtime.now()
    /** A schema that takes its time takes it from the request's. */
    const leftMs = (): number => Math.max(0, timeoutMs - (this.#runtime.now() - startedAt))
    // Without an `await` where nothing is to be waited for: the request keeps its place among what is said.
    let verdict = judge(schemas.input, data)
    const isLate = isThenable(verdict)
    if (isThenable(verdict)) verdict = await this.#inTime(verdict, leftMs(), name, signal)
    const input = this.#toSend(data, taken(verdict, quoted(name)))
    const answer = await super.request(name, input, isLate ? { ...given, timeoutMs: leftMs() } : given)
    verdict = judge(schemas.output, answer)
    if (isThenable(verdict)) verdict = await this.#inTime(verdict, leftMs(), name, signal)
    return taken(verdict, answerTo(name))
  }

  override stream(name: string, data: unknown, options: StreamOptions = {}): AsyncGenerator<unknown, void, void> {
    const schemas = this.#schemas.asked.get(name)
    if (schemas === undefined) throw unknownName("request", name)
    const verdict = judge(schemas.input, data)
    if (isThenable(verdict)) throw asynchronous(name)
    const input = this.#checkedInput(name, schemas.inputItems, options.input)
    const loop = super.stream(name, this.#toSend(data, taken(verdict, quoted(name))), { ...options, input })
    const next = loop.next.bind(loop)
    loop.next = async () => {
      const step = await next()
      if (step.done) return step
      try {
        // What answers without a stream has one item, its answer.
        const value = taken(await judge(schemas.items ?? schemas.output, step.value), `an item of ${quoted(name)}`)
        return { done: false, value }
      } catch (error) {
        await loop.return()
        throw error
      }
    }
    return loop
  }

  /** The items of an answer, each checked when it is asked for. */
  #itemsOf(name: string, schema: Schema, answer: unknown): unknown {
    const source = sourceOf(answer)
    if (source) return this.#checkedItems(answerTo(name), schema, source)
    this.#host.failed(new EverwireError("misuse", `${answerTo(name)} is no async iterable`), "request")
    throw failed()
  }

  /** What is sent as the input. What is no source is refused where it is sent. */
  #checkedInput(name: string, schema: Schema, input: RequestOptions["input"]): RequestOptions["input"] {
    const source = input && sourceOf(input)
    return source ? this.#checkedItems(`the input of ${quoted(name)}`, schema, source) : input
  }

  #checkedItems(what: string, schema: Schema, source: Source): AsyncIterable<unknown> & AsyncIterator<unknown> {
    return {
      [Symbol.asyncIterator]() {
        return this
      },
      next: async () => {
        const { done, value } = await source.next()
        return done ? { done, value: undefined } : { value: this.#toAnswer(what, value, await judge(schema, value)) }
      },
      return: async () => {
        await source.return?.()
        return { done: true, value: undefined }
      },
    }
  }

  /** The request with an input that brings what the schema makes of each item. */
  #withCheckedInput(name: string, schema: Schema, request: RequestContext): RequestContext {
    let input: AsyncGenerator<unknown, void, void> | undefined
    const make = (): AsyncGenerator<unknown, void, void> => this.#heardItems(name, schema, request.input)
    return {
      get signal() {
        return request.signal
      },
      get input() {
        input ??= make()
        return input
      },
    }
  }

  async *#heardItems(
    name: string,
    schema: Schema,
    items: AsyncGenerator<unknown, void, void>,
  ): AsyncGenerator<unknown, void, void> {
    for await (const item of items) {
      const verdict = await judge(schema, item)
      if (!("value" in verdict)) throw this.#declined(`the input of ${quoted(name)}`, verdict)
      yield verdict.value
    }
  }

  /** What is sent as the answer, or as an item. */
  #toAnswer(what: string, answer: unknown, verdict: Verdict): unknown {
    if ("value" in verdict) return this.#toSend(answer, verdict.value)
    // The handler's author has to know. The asker can do nothing about it, and learns nothing of it.
    const fault = "where" in verdict ? unfit(what, verdict.where) : verdict.thrown
    this.#host.failed(fault, "request")
    throw failed()
  }

  /** What the asker is told whose request is not begun. */
  #declined(what: string, verdict: Exclude<Verdict, { value: unknown }>): RequestFailure {
    if ("where" in verdict) {
      const error = unfit(what, verdict.where)
      this.#host.refused?.(error)
      return told(error)
    }
    this.#host.failed(verdict.thrown, "request")
    return failed()
  }

  #refuse(error: EverwireError): void {
    if (this.#host.refused === undefined) this.#host.failed(error, "message")
    else this.#host.refused(error)
  }

  #toSend(given: unknown, made: unknown): unknown {
    return this.#schemas.sendsOutput ? made : given
  }

  /** The verdict, unless the time of the request is over before it is there, or its signal fires. */
  #inTime(verdict: Promise<Verdict>, leftMs: number, name: string, signal: RequestOptions["signal"]): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw aborted(name, signal)
      const fail = (error: EverwireError): void => {
        release()
        reject(error)
      }
      const late = (): void =>
        fail(new EverwireError("request-timeout", `the schema of ${quoted(name)} took too long`, { retryable: true }))
      const cancel = leftMs === Number.POSITIVE_INFINITY ? () => {} : deadline(this.#runtime, leftMs, late)
      const forget = whenAborted(
        signal,
        () => fail(aborted(name, signal)),
        (error) => this.#host.failed(error, "request"),
      )
      const release = (): void => {
        cancel()
        forget()
      }
      void verdict.then((given) => {
        release()
        resolve(given)
      })
    })
  }
}
