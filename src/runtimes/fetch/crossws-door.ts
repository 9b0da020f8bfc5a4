import type { Entrance } from "../../server/http/entrance.ts"
import type { FetchDoor, Take } from "./fetch-door.ts"
import { type RuntimeSocket, ServedSocket, type SocketHost } from "./served-socket.ts"

/** The members of crossws's `Peer` that a hub uses. */
export interface CrosswsPeer {
  readonly context: object
  readonly remoteAddress?: string | undefined
  /** 0 where the runtime cannot tell. */
  readonly bufferedAmount?: number
  send(data: string | Uint8Array): unknown
  close(code?: number, reason?: string): void
  terminate(): void
}

/** The members of crossws's `Message` that a hub uses. */
export interface CrosswsMessage {
  readonly rawData: unknown
  uint8Array(): Uint8Array
}

/** What the `upgrade` hook returns to agree: the subprotocol, and what the other hooks find in `peer.context`. */
export interface CrosswsUpgrade {
  readonly context: Record<string, unknown>
  readonly headers: Record<string, string>
}

/** Hooks for crossws: the object that `defineWebSocketHandler`, `defineHooks` and the adapters take. */
export interface CrosswsHooks {
  upgrade(request: Request): CrosswsUpgrade | Response
  open(peer: CrosswsPeer): void
  message(peer: CrosswsPeer, message: CrosswsMessage): void
  close(peer: CrosswsPeer, details: { code?: number; reason?: string }): void
  error(peer: CrosswsPeer): void
}

/** Where the `context` of a peer has the hub's part. A property of its own, because applications use `context` too. */
const KEY = "everwire"

/** A socket that the hub has accepted. */
class Accepted {
  readonly take: Take
  /** Undefined until the socket is open. */
  socket: ServedSocket | undefined

  constructor(take: Take) {
    this.take = take
  }
}

/** Connects a hub with crossws. */
export class CrosswsDoor {
  readonly hooks: CrosswsHooks

  constructor({ clockwork, settings }: Entrance, door: FetchDoor) {
    const host: SocketHost = { clockwork, maxBatchBytes: settings.maxBatchBytes, takeMs: settings.takeMs }
    this.hooks = {
      upgrade(request) {
        // The route decides which requests come here, and may have a prefix.
        const judged = door.judge({ request, address: undefined, mounted: true })
        if (judged === undefined) return new Response(null, { status: 404 })
        if ("refusal" in judged) return judged.refusal
        const headers = judged.protocol === undefined ? {} : { "sec-websocket-protocol": judged.protocol }
        return { headers, context: { [KEY]: new Accepted(judged.take) } }
      },
      open(peer) {
        const accepted = acceptedOf(peer)
        if (accepted === undefined) return
        accepted.socket = new ServedSocket(runtimeSocket(peer), host, false)
        accepted.take(accepted.socket, peer.remoteAddress)
      },
      message(peer, message) {
        const { rawData } = message
        acceptedOf(peer)?.socket?.came(typeof rawData === "string" ? rawData : message.uint8Array())
      },
      close: (peer, { code = 1006, reason = "" }) => acceptedOf(peer)?.socket?.ended(code, String(reason)),
      // A `close` follows, except on Deno, whose adapter forgets the peer.
      error: (peer) => acceptedOf(peer)?.socket?.terminate(),
    }
  }
}

function acceptedOf({ context }: CrosswsPeer): Accepted | undefined {
  const { [KEY]: accepted } = context as { [KEY]?: unknown }
  return accepted instanceof Accepted ? accepted : undefined
}

function runtimeSocket(peer: CrosswsPeer): RuntimeSocket {
  return {
    bufferedAmount: () => peer.bufferedAmount ?? 0,
    // What adapters return here has no common meaning.
    send(data) {
      peer.send(data)
      return true
    },
    close: (code, reason) => peer.close(code, reason),
    terminate() {
      try {
        peer.terminate()
      } catch {
        peer.close() // the sockets of some runtimes have no `terminate`, which adapters call
      }
    },
  }
}
