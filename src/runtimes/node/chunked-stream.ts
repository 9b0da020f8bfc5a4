import type { Duplex, Writable } from "node:stream"
import { LastMade } from "../../transports/last-made.ts"
import type { HttpStream } from "../../transports/transport.ts"

/** One chunk of a body (RFC 9112, section 7.1). */
interface Chunk {
  readonly text: string
  readonly encoding: "latin1" | "utf8"
}

/** The last chunk that was made, shared by all streams of a hub. */
export type Chunks = LastMade<string, Chunk>

export function createChunks(): Chunks {
  return new LastMade((text: string) => {
    const bytes = Buffer.byteLength(text)
    // ASCII text is copied as Latin-1, which needs no encoding.
    return { text: `${bytes.toString(16)}\r\n${text}\r\n`, encoding: bytes === text.length ? "latin1" : "utf8" }
  })
}

/**
 * An open answer whose body is written to the socket in chunks (RFC 9112, section 7.1) that this class makes itself:
 * one write for each chunk, where Node's response would write four parts. The response has sent only its head, and ends
 * the body.
 */
export class ChunkedStream implements HttpStream {
  readonly #response: Writable
  readonly #socket: Duplex
  readonly #chunks: Chunks
  /** Called when the data that was written may have to wait for the client. */
  readonly #watch: () => void
  #onDrain: (() => void) | undefined

  constructor(response: Writable, socket: Duplex, chunks: Chunks, watch: () => void) {
    this.#response = response
    this.#socket = socket
    this.#chunks = chunks
    this.#watch = watch
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  write(text: string): void {
    if (text === "" || this.#isGone || this.#response.writableEnded) return
    const chunk = this.#chunks.of(text)
    if (!this.#socket.write(chunk.text, chunk.encoding)) this.#watch()
  }

  end(): void {
    // The connection may be used for other answers afterwards.
    if (this.#onDrain !== undefined) this.#socket.off("drain", this.#onDrain)
    if (this.#isGone) return
    this.#response.end()
    this.#watch()
  }

  /** Whether the connection is gone. As in `NodeExchange`, its answer must not be ended then. */
  get #isGone(): boolean {
    return this.#response.destroyed || this.#socket.destroyed
  }

  cut(): void {
    this.#response.destroy()
  }

  onDrain(run: () => void): void {
    this.#onDrain = run
    this.#socket.on("drain", run)
  }
}
