/** A message as the client gives it. */
export interface NatsMessage {
  readonly subject: string
  readonly data: Uint8Array
}

/** What is used of a connection of `@nats-io/transport-node` (or `@nats-io/nats-core`), version 3. */
export interface NatsConnection {
  /** What the server told of itself. */
  readonly info?: { readonly max_payload: number } | undefined
  publish(subject: string, payload: Uint8Array): void
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: NatsMessage) => void },
  ): { unsubscribe(): void }
  // The client's type of headers has more methods than the client calls: see `Headers`.
  request(
    subject: string,
    payload: Uint8Array,
    options: { readonly timeout: number; headers?: never },
  ): Promise<NatsMessage>
  flush(): Promise<void>
  status(): AsyncIterable<{ readonly type: string }>
  isClosed(): boolean
}

/** Headers of a message. The client writes what `encode` returns. */
export class Headers {
  readonly #text: string

  constructor(headers: Readonly<Record<string, string>>) {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#text = `NATS/1.0\r\n${lines.join("")}\r\n`
  }

  encode(): Uint8Array {
    return new TextEncoder().encode(this.#text)
  }
}
