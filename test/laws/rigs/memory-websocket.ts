import { websocket } from "everwire"
import { websocketAcceptor } from "everwire/server"
import { createVirtualRuntime, type VirtualRuntime } from "everwire/testing"
import type { TransportRig, TransportSubject } from "../../../src/testing/laws.ts"
import type {
  ClientSocket,
  LinkOrigin,
  OpenAcceptor,
  ServerSocket,
  SocketSink,
} from "../../../src/transports/transport.ts"
import { websocketTraits } from "./built-in-traits.ts"
import { passVirtually } from "./settle.ts"

/** WebSocket without a port: two connected socket objects that pass their messages to each other. */
export const memoryWebsocket: TransportSubject = {
  name: "websocket over a socket pair",
  traits: { ...websocketTraits, realTime: false },
  setup,
}

/**
 * How many bytes a socket buffers before it must report that they have drained, and the bytes carried in a millisecond.
 */
const DRAIN_BYTES = 16_384
const BYTES_PER_MS = 65_536

async function setup(): Promise<TransportRig> {
  const runtime = createVirtualRuntime({ now: 0 })
  const pairs = new Set<SocketPair>()
  let open: OpenAcceptor | undefined
  let maxBytes = 0
  let isListening = true
  return {
    runtime,
    dialer: websocket,
    listen(door) {
      open = websocketAcceptor().open(door)
      maxBytes = door.maxBatchBytes
      const openSocket = (_url: string, protocols: string[]): ClientSocket => {
        const pair: SocketPair = new SocketPair(runtime, maxBytes, () => pairs.delete(pair))
        pairs.add(pair)
        runtime.after(1, () => {
          if (!isListening) return pair.fail()
          if (pair.open()) open?.socket?.(pair.hub, originOf(protocols))
        })
        return pair.channel
      }
      return { platform: { openSocket } }
    },
    settle: () => passVirtually(runtime, 2_500, 5),
    leftovers: () => Array.from(pairs, () => "a pair of sockets"),
    teardown() {
      open?.close?.()
      isListening = false
      for (const pair of pairs) pair.fail()
    },
    vanish(seat) {
      if (seat === "hub") isListening = false
      for (const pair of pairs) pair.fail()
    },
    sever() {
      for (const pair of pairs) pair.fail()
    },
    garble(toward) {
      Array.from(pairs).at(-1)?.garble(toward)
    },
    intrude() {
      const pair: SocketPair = new SocketPair(runtime, maxBytes, () => pairs.delete(pair))
      pair.open()
      open?.socket?.(pair.hub, originOf([]))
      pair.garble("hub")
    },
  }
}

/** The headers of the handshake that the hub is given. */
function originOf(protocols: string[]): LinkOrigin {
  const offered = protocols.length > 0 ? protocols.join(", ") : undefined
  const header = (name: string): string | undefined => (name === "sec-websocket-protocol" ? offered : undefined)
  return { transport: "websocket", address: undefined, header }
}

/** One direction: the messages on their way, and the bytes that have not arrived yet. */
class Lane {
  bufferedBytes = 0
  readonly #runtime: VirtualRuntime
  #freeAt = 0

  constructor(runtime: VirtualRuntime) {
    this.#runtime = runtime
  }

  carry(bytes: number, arrive: () => void, drained: () => void = () => {}): void {
    const full = this.bufferedBytes + bytes >= DRAIN_BYTES
    this.bufferedBytes += bytes
    this.#freeAt = Math.max(this.#freeAt, this.#runtime.now()) + bytes / BYTES_PER_MS
    this.#runtime.after(this.#freeAt + 1 - this.#runtime.now(), () => {
      this.bufferedBytes -= bytes
      arrive()
      if (full && this.bufferedBytes === 0) drained()
    })
  }
}

class SocketPair {
  readonly channel: ClientSocket
  readonly hub: ServerSocket
  readonly #up: Lane
  readonly #down: Lane
  readonly #maxBytes: number
  readonly #runtime: VirtualRuntime
  readonly #over: () => void
  #state: "connecting" | "open" | "closing" | "closed" = "connecting"
  #sink: SocketSink | undefined

  constructor(runtime: VirtualRuntime, maxBytes: number, over: () => void) {
    this.#runtime = runtime
    this.#maxBytes = maxBytes
    this.#over = over
    this.#up = new Lane(runtime)
    this.#down = new Lane(runtime)
    const [up, down] = [this.#up, this.#down]
    this.channel = {
      binaryType: "blob",
      get bufferedAmount() {
        return up.bufferedBytes
      },
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (data) => this.#send(up, data, () => this.#hearUp(data)),
      close: (code = 1005, reason = "") => this.#close("channel", code, reason),
    }
    this.hub = {
      get bufferedAmount() {
        return down.bufferedBytes
      },
      send: (data) =>
        this.#send(
          down,
          data,
          () => this.#hearDown(data),
          () => this.#sink?.drained(),
        ),
      close: (code, reason) => this.#close("hub", code, reason),
      terminate: () => this.fail(),
      hear: (sink) => {
        this.#sink = sink
      },
    }
  }

  /** The handshake is finished, unless the channel has closed its socket meanwhile. */
  open(): boolean {
    if (this.#state !== "connecting") return false
    this.#state = "open"
    this.channel.onopen?.()
    return true
  }

  /** The connection breaks: both ends get close code 1006, each in its own time. */
  fail(): void {
    this.#end(1006, "")
  }

  /** An invalid frame arrives at this socket, which closes as RFC 6455 requires. */
  garble(toward: "hub" | "channel"): void {
    this.#close(toward, 1002, "")
  }

  #send(lane: Lane, data: string | Uint8Array, arrive: () => void, drained?: () => void): void {
    if (this.#state !== "open") return
    lane.carry(typeof data === "string" ? new TextEncoder().encode(data).length : data.length, arrive, drained)
  }

  #hearUp(data: string | Uint8Array): void {
    if (this.#state === "closed") return
    const bytes = typeof data === "string" ? new TextEncoder().encode(data).length : data.length
    if (bytes > this.#maxBytes) this.#close("hub", 1009, "")
    else this.#sink?.message(data)
  }

  #hearDown(data: string | Uint8Array): void {
    if (this.#state === "closed") return
    this.channel.onmessage?.({ data: typeof data === "string" ? data : data.slice().buffer })
  }

  /** The closing handshake: the close frame goes after all sent messages, and is answered. */
  #close(by: "channel" | "hub", code: number, reason: string): void {
    if (this.#state === "connecting") return this.fail()
    if (this.#state !== "open") return
    this.#state = "closing"
    const lane = by === "channel" ? this.#up : this.#down
    lane.carry(0, () => this.#end(code, reason))
  }

  #end(code: number, reason: string): void {
    if (this.#state === "closed") return
    this.#state = "closed"
    this.#over()
    this.#runtime.soon(() => {
      this.#sink?.closed(code, reason)
      this.channel.onclose?.({ code, reason })
    })
  }
}
