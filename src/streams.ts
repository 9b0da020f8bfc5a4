/**
 * `everwire/streams`: messages as the web's streams (WHATWG Streams standard), for `pipeTo` and `pipeThrough`, on a channel
 * and on a peer of a hub.
 *
 * @module
 */
import type { Channel } from "./client/channel.ts"
import type { Contract, DataOf, NameOf } from "./messaging/contract.ts"
import type { MessagesOptions } from "./messaging/message-loop.ts"
import type { Peer, Principal } from "./server/peer.ts"

/** What both functions use of a channel or a peer, without the types of its contract. */
interface Carrier {
  messages(name: string, options?: MessagesOptions): AsyncGenerator<unknown, void, void>
  send(name: string, data: unknown): boolean
  writable(): Promise<void>
  flush(): Promise<void>
}

/**
 * The messages of this name from now on, as a stream. It ends when the channel or the peer closes. Cancelling it ends the
 * subscription. The other side cannot be slowed down for one name alone, so messages that are not read wait in
 * memory: up to 10 000, see {@link MessagesOptions}. With the default `overflow` the stream then fails with `buffer-full`.
 *
 * @throws EverwireError `misuse`
 * @example await readable(peer, "line").pipeTo(log)
 */
export function readable<C extends Contract<C>, N extends NameOf<C, "down">>(
  from: Channel<C>,
  name: N,
  options?: MessagesOptions,
): ReadableStream<DataOf<C, "down", N>>
export function readable<C extends Contract<C>, P extends Principal, D, N extends NameOf<C, "up">>(
  from: Peer<C, P, D>,
  name: N,
  options?: MessagesOptions,
): ReadableStream<DataOf<C, "up", N>>
export function readable(from: unknown, name: string, options?: MessagesOptions): ReadableStream {
  const loop = (from as Carrier).messages(name, options) // as both overloads say
  return new ReadableStream<unknown>(
    {
      async pull(controller) {
        const { done, value } = await loop.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await loop.return()
      },
    },
    // The loop keeps and bounds what waits.
    { highWaterMark: 0 },
  )
}

/**
 * A stream of which each chunk is sent as a message of this name. It takes no more while `send` returns `false`: then it
 * waits for `writable()`. Its `close` resolves when the other side has acknowledged all chunks. It fails with the closing's
 * code when the channel or the peer closes. Aborting it sends nothing: tell the other side with a message of your own.
 *
 * @example await file.stream().pipeThrough(new TextDecoderStream()).pipeTo(writable(channel, "line"))
 */
export function writable<C extends Contract<C>, N extends NameOf<C, "up">>(
  to: Channel<C>,
  name: N,
): WritableStream<DataOf<C, "up", N>>
export function writable<C extends Contract<C>, P extends Principal, D, N extends NameOf<C, "down">>(
  to: Peer<C, P, D>,
  name: N,
): WritableStream<DataOf<C, "down", N>>
export function writable(to: unknown, name: string): WritableStream {
  const carrier = to as Carrier // as both overloads say
  return new WritableStream<unknown>({
    async write(data) {
      if (!carrier.send(name, data)) await carrier.writable()
    },
    close: () => carrier.flush(),
  })
}
