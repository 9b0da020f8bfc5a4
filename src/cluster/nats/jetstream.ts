import { text, utf8 } from "../../wire/batch.ts"
import { unavailable } from "../limits.ts"
import { Headers, type NatsConnection } from "./connection.ts"

/** A stored message. */
export interface Stored {
  readonly sequence: number
  /** When the server stored it, by its clock, in milliseconds since the epoch. */
  readonly at: number
  readonly data: Uint8Array
}

/** How the stream keeps messages. */
export interface StreamSettings {
  readonly name: string
  readonly subjects: readonly string[]
  /** Number of messages for each subject. -1: all. */
  readonly perSubject: number
  readonly maxAgeMs: number
  readonly replicas: number
}

interface Reply {
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string }
  readonly seq?: number
  readonly message?: { readonly seq: number; readonly time: string; readonly data?: string }
}

/** Codes of errors of JetStream's API. */
const NO_MESSAGE = 10037
const WRONG_SEQUENCE = 10071
const NAME_IN_USE = 10058

/** One stream of JetStream, by its API over requests: https://docs.nats.io/reference/reference-protocols/nats_api_reference */
export class JetStream {
  readonly #connection: NatsConnection
  readonly #settings: StreamSettings
  readonly #timeout: number
  #created: Promise<void> | undefined

  constructor(connection: NatsConnection, settings: StreamSettings, timeoutMs: number) {
    this.#connection = connection
    this.#settings = settings
    this.#timeout = timeoutMs
  }

  /** The last message of a subject. It is asked of the stream's leader, so it is what was stored last. */
  last(subject: string): Promise<Stored | undefined> {
    return this.#get({ last_by_subj: subject })
  }

  /** The first message of a subject that has this sequence or a higher one. */
  next(subject: string, sequence: number): Promise<Stored | undefined> {
    return this.#get({ seq: sequence, next_by_subj: subject })
  }

  /** The message with this sequence. */
  at(sequence: number): Promise<Stored | undefined> {
    return this.#get({ seq: sequence })
  }

  /**
   * Stores a message if the last one of its subject has this sequence, 0 if there is none; undefined stores it anyhow.
   *
   * @returns its sequence, or undefined if another one came before
   */
  async store(subject: string, data: Uint8Array, after: number | undefined): Promise<number | undefined> {
    await this.#exists()
    const headers = after === undefined ? {} : { "Nats-Expected-Last-Subject-Sequence": String(after) }
    const reply = await this.#request(subject, data, headers)
    if (reply.error?.err_code === WRONG_SEQUENCE) return undefined
    if (reply.error !== undefined || reply.seq === undefined) throw refused(reply)
    return reply.seq
  }

  /** Removes all messages of a subject. */
  async purge(subject: string): Promise<void> {
    await this.#exists()
    const reply = await this.#request(`$JS.API.STREAM.PURGE.${this.#settings.name}`, json({ filter: subject }))
    if (reply.error !== undefined) throw refused(reply)
  }

  async #get(query: object): Promise<Stored | undefined> {
    await this.#exists()
    const reply = await this.#request(`$JS.API.STREAM.MSG.GET.${this.#settings.name}`, json(query))
    if (reply.error?.err_code === NO_MESSAGE) return undefined
    if (reply.message === undefined) throw refused(reply)
    const { seq, time, data = "" } = reply.message
    // Tenths of microseconds and less are not read by `Date.parse` everywhere.
    const at = Date.parse(time.replace(/(\.\d{3})\d+/, "$1"))
    return { sequence: seq, at, data: Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0)) }
  }

  async #exists(): Promise<void> {
    this.#created ??= this.#create()
    try {
      await this.#created
    } catch (error) {
      this.#created = undefined
      throw error
    }
  }

  async #create(): Promise<void> {
    const { name, subjects, perSubject, maxAgeMs, replicas } = this.#settings
    const config = {
      name,
      subjects,
      max_msgs_per_subject: perSubject,
      max_age: maxAgeMs * 1_000_000,
      num_replicas: replicas,
      retention: "limits",
      storage: "file",
      discard: "new",
    }
    const reply = await this.#request(`$JS.API.STREAM.CREATE.${name}`, json(config))
    // A stream that an operator has made with other settings is taken as it is.
    if (reply.error !== undefined && reply.error.err_code !== NAME_IN_USE) throw refused(reply)
  }

  async #request(subject: string, payload: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
    if (this.#connection.isClosed()) throw unavailable("the connection to NATS is closed")
    const options = {
      timeout: this.#timeout,
      // The client calls nothing but `encode`, and its own type cannot be named without its package.
      ...(Object.keys(headers).length > 0 && { headers: new Headers(headers) as never }),
    }
    const { data } = await this.#connection.request(subject, payload, options)
    return JSON.parse(text(data)) as Reply // JetStream's API answers in this form
  }
}

function json(value: object): Uint8Array {
  return utf8(JSON.stringify(value))
}

function refused(reply: Reply): Error {
  return unavailable(`JetStream refused: ${reply.error?.description ?? JSON.stringify(reply)}`)
}
