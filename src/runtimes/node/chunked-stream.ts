import type { Duplex, Writable } from "node:stream"
import { LastMade } from "../../transports/last-made.ts"
import type { HttpStream } from "../../transports/transport.ts"

/** One chunk of a body (RFC 9112, section 7.1). */
interface Chunk {
  readonly text: string
  readonly encoding: "latin1" | "utf8"
}

/** What all streams of a hub share. */
export type Chunks = LastMade<string, Chunk>

export function createChunks(): Chunks {
  return new LastMade((text: string) => {
    const bytes = Buffer.byteLength(text)
    // Text of ASCII alone is copied, not encoded.
    return { text: `${bytes.toString(16)}\r\n${text}\r\n`, encoding: bytes === text.length ? "latin1" : "utf8" }
  })
}

/**
 * An open answer whose body is written to the socket in chunks (RFC 9112, section 7.1) that are finished here: one write
 * each, where Node's response would make four parts of it. The response has sent its head and nothing else; it ends the
 * body.
 */
export class ChunkedStream implements HttpStream {
  readonly #response: Writable
  readonly #socket: Duplex
  readonly #chunks: Chunks
  /** Called when what was written may have to wait for the client. */
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
    // The connection may go on to other answers.
    if (this.#onDrain !== undefined) this.#socket.off("drain", this.#onDrain)
    if (this.#isGone) return
    this.#response.end()
    this.#watch()
  }

  /** As in an exchange that is answered at once: an answer whose connection has gone must not be ended. */
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
