import type { Channel } from "../client/channel.ts"
import type { Word } from "./words.ts"

/** What one socket of the client sends, in its order, and how many bytes of it are on their way. */
export class Outgoing {
  readonly #channel: Channel
  readonly #name: string
  /** Settles when the last message that waits for a Blob was sent. Undefined if none waits. */
  #turn: Promise<void> | undefined
  /** Bytes that wait for a Blob, which is read asynchronously. */
  #waitingBytes = 0
  /** Bytes that the channel was given since it had acknowledged everything. */
  #saidBytes = 0
  /** Bytes that are sent no more. As in the standard they count for ever. */
  #droppedBytes = 0
  #isOver = false

  constructor(channel: Channel, name: string) {
    this.#channel = channel
    this.#name = name
  }

  /** The channel tells how much of everything is not acknowledged. Not more of it than was sent can be this socket's. */
  get bytes(): number {
    const { bufferedBytes } = this.#channel
    if (bufferedBytes === 0) this.#saidBytes = 0
    return this.#waitingBytes + Math.min(this.#saidBytes, bufferedBytes) + this.#droppedBytes
  }

  /** `failed` gets what a Blob or the channel throws: then the message was not sent. */
  say(message: string | Uint8Array | Blob, bytes: number, failed: (error: unknown) => void): void {
    const isBlob = typeof message !== "string" && "arrayBuffer" in message
    if (!isBlob && !this.#turn) return this.#send(message, bytes, failed)
    this.#waitingBytes += bytes
    const turn: Promise<void> = Promise.all([isBlob ? message.arrayBuffer() : message, this.#turn])
      .then(([read]) => {
        if (this.#isOver) return
        this.#waitingBytes -= bytes
        this.#send(read instanceof ArrayBuffer ? new Uint8Array(read) : read, bytes, failed)
      })
      .catch(failed)
    this.#turn = turn
    void turn.then(() => {
      if (this.#turn === turn) this.#turn = undefined
    })
  }

  drop(bytes: number): void {
    this.#droppedBytes += bytes
  }

  /** Says a word after all messages. If the channel has no room for it now, as soon as it has. */
  tell(word: Word): void {
    const say = (): void => void this.#channel.send(this.#name, word)
    this.afterAll(() => {
      try {
        say()
      } catch {
        // A channel that closes has no need of it any more.
        void this.#channel
          .writable()
          .then(say)
          .catch(() => {})
      }
    })
  }

  /** Calls back when nothing waits for a Blob. */
  afterAll(run: () => void): void {
    if (this.#turn) void this.#turn.then(run)
    else run()
  }

  end(): void {
    this.#droppedBytes = this.bytes
    this.#waitingBytes = this.#saidBytes = 0
    this.#isOver = true
  }

  #send(message: string | Uint8Array, bytes: number, failed: (error: unknown) => void): void {
    if (this.#channel.bufferedBytes === 0) this.#saidBytes = 0
    this.#saidBytes += bytes
    try {
      this.#channel.send(this.#name, message)
    } catch (error) {
      failed(error)
    }
  }
}
