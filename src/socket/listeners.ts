/** An event as listeners of `addEventListener` get it, with the members of its type. */
export interface SocketEvent {
  readonly type: string
  readonly target: unknown
  /** Of `message`: a text, or bytes as `binaryType` says. */
  readonly data?: unknown
  /** Of `close`. */
  readonly code?: number
  readonly reason?: string
  readonly wasClean?: boolean
  /** Of `error`. */
  readonly error?: unknown
  readonly message?: string
}

export interface ListenerOptions {
  readonly once?: boolean | undefined
}

type Listener = ((event: SocketEvent) => unknown) | { handleEvent(event: SocketEvent): unknown }

export interface Emitter {
  on(type: string, listener: (...args: never[]) => void): unknown
  off(type: string, listener: (...args: never[]) => void): unknown
}

/** The listeners of the DOM's kind beside those of an emitter, of which each stands as one. */
export class Listeners {
  readonly #emitter: Emitter
  /** By type, what the emitter calls for each listener. */
  readonly #added = new Map<string, Map<unknown, (...args: never[]) => void>>()
  readonly #attributes = new Map<string, Listener>()

  constructor(emitter: Emitter) {
    this.#emitter = emitter
  }

  add(type: string, listener: Listener, { once }: ListenerOptions = {}): void {
    const added = this.#added.get(type) ?? new Map<unknown, (...args: never[]) => void>()
    this.#added.set(type, added)
    if (added.has(listener)) return
    const call = (...args: unknown[]): void => {
      if (once) this.remove(type, listener)
      const event = { type, target: this.#emitter, ...detailsOf(type, args) }
      if (typeof listener === "function") listener.call(this.#emitter, event)
      else listener.handleEvent(event)
    }
    added.set(listener, call)
    this.#emitter.on(type, call)
  }

  remove(type: string, listener: unknown): void {
    const call = this.#added.get(type)?.get(listener)
    if (!call) return
    this.#added.get(type)?.delete(listener)
    this.#emitter.off(type, call)
  }

  attribute(type: string): ((event: SocketEvent) => unknown) | null {
    return (this.#attributes.get(type) as ((event: SocketEvent) => unknown) | undefined) ?? null // set by the next method alone
  }

  setAttribute(type: string, handler: unknown): void {
    this.remove(type, this.#attributes.get(type))
    this.#attributes.delete(type)
    if (typeof handler !== "function") return
    const listener = handler as Listener // no other type can be asked of a function here
    this.#attributes.set(type, listener)
    this.add(type, listener)
  }
}

/** The members of an event, from the arguments of the emitter's. */
function detailsOf(type: string, [first, second]: unknown[]): Partial<SocketEvent> {
  if (type === "message") return { data: second === true ? first : String(first) }
  if (type === "close") {
    const code = first as number // as `close` is emitted
    return { code, reason: String(second), wasClean: code !== 1006 }
  }
  if (type === "error") return { error: first, message: first instanceof Error ? first.message : String(first) }
  return {}
}
