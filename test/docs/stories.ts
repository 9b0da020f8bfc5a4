import { type Channel, createChannel, type Dialer } from "everwire"
import { createHub, type Hub } from "everwire/server"
import { createNetwork, createVirtualRuntime, type Network, type VirtualRuntime } from "everwire/testing"
import { type Batch, decodeBatch, type Packet } from "../../src/wire/batch.ts"

/** What was recorded at the channel's end of its links. */
export interface Story {
  readonly packets: readonly Packet[]
  /**
   * One batch per entry, one packet per line. Ids are replaced by letters, and a long run of one character by its
   * length.
   */
  readonly text: string
}

/** The stories of docs/protocol.md, by the name in their code blocks. */
export const stories: Readonly<Record<string, () => Story>> = {
  opening: () => play(["websocket"], ({ runtime }) => runtime.advance(1_000)),
  racing: () =>
    play(["websocket", "sse"], ({ runtime, network }) => {
      network.heal()
      network.blackHole("websocket")
      runtime.advance(1_000)
    }),
  resuming: () =>
    play(["websocket"], ({ runtime, network, record }) => {
      runtime.advance(50)
      record.begin()
      network.cut()
      runtime.advance(500)
    }),
  parting: () =>
    play(["websocket"], ({ runtime, network, record, channel }) => {
      runtime.advance(1_000)
      record.begin()
      network.limit({ upBytesPerSecond: 10_000 })
      channel.send("chat", { text: "x".repeat(4_500) })
      runtime.advance(250)
      network.cut()
      runtime.advance(1_500)
    }),
  climbing: () =>
    play(["websocket", "sse"], ({ runtime, network, record, channel }) => {
      runtime.advance(1_000)
      record.begin()
      network.unblock("websocket")
      runtime.runUntil(() => channel.transport === "websocket", 60_000)
      runtime.advance(200)
    }),
  leaving: () =>
    play(["websocket"], ({ runtime, record, hub }) => {
      runtime.advance(1_000)
      record.begin()
      hub.send("farewell", { text: "back in a minute" })
      void hub.close()
      runtime.advance(25)
    }),
}

/** The hub, the channel and the network of a story. */
interface Stage {
  readonly runtime: VirtualRuntime
  readonly network: Network
  readonly hub: Hub
  readonly channel: Channel
  readonly record: Recorder
}

function play(ladder: readonly string[], act: (stage: Stage) => void): Story {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const record = new Recorder(runtime)
  const hub = createHub({ runtime, transports: ladder.map((name) => network.acceptor(name)) })
  hub.onPeer((peer) => peer.send("greeting", "welcome"))
  // The better transports are blocked at first; the story unblocks them.
  for (const name of ladder.slice(0, -1)) network.block(name)
  const channel = createChannel("http://hub", {
    runtime,
    store: null,
    transports: ladder.map((name) => record.dialer(network.dialer(name))),
  })
  channel.send("chat", { text: "hi" })
  act({ runtime, network, hub, channel, record })
  return record
}

class Recorder implements Story {
  packets: Packet[] = []
  #lines: string[] = []
  #startedAt: number
  readonly #runtime: VirtualRuntime
  /** The number of links that have been dialed. */
  #dialed = 0

  constructor(runtime: VirtualRuntime) {
    this.#runtime = runtime
    this.#startedAt = runtime.now()
  }

  /** Discards what was recorded before: it is not part of the story. */
  begin(): void {
    this.packets = []
    this.#lines = []
    this.#startedAt = this.#runtime.now()
  }

  get text(): string {
    const letters = new Map<string, string>()
    const named = this.#lines.join("\n").replace(/virtual-id-\d+/g, (id) => {
      const letter = letters.get(id) ?? String.fromCharCode(65 + letters.size)
      letters.set(id, letter)
      return letter
    })
    return named.replace(/(\w)\1{99,}/g, (run) => `⟨${run.length} ${run.charAt(0)}⟩`)
  }

  /** Wraps a dialer so that its links are recorded. */
  dialer(dialer: Dialer): Dialer {
    return {
      ...dialer,
      dial: (target, sink) => {
        const who = `${dialer.name} ${++this.#dialed}`
        const link = dialer.dial(target, {
          batch: (batch) => {
            this.#batch(who, "▼", batch)
            sink.batch(batch)
          },
          closed: (why) => {
            this.#note(who, "▼", `closed: ${why.code}`)
            sink.closed(why)
          },
          writable: () => sink.writable(),
        })
        return {
          name: link.name,
          get bufferedBytes() {
            return link.bufferedBytes
          },
          send: (batch) => {
            this.#batch(who, "▲", batch)
            link.send(batch)
          },
          close: (why) => {
            this.#note(who, "▲", `closed: ${why.code}`)
            link.close(why)
          },
        }
      },
    }
  }

  #batch(who: string, direction: string, batch: Batch): void {
    const packets = decodeBatch(batch)
    this.packets.push(...packets)
    packets.forEach((packet, index) => {
      const text = String(packet).replaceAll("\t", "⇥")
      if (index === 0) this.#note(who, direction, text)
      else this.#lines.push(`${" ".repeat(HEAD)}${text}`)
    })
  }

  #note(who: string, direction: string, text: string): void {
    const at = `${this.#runtime.now() - this.#startedAt} ms`
    this.#lines.push(`${at.padStart(7)}  ${who.padEnd(11)} ${direction} `.padEnd(HEAD) + text)
  }
}

/** Width of the columns before a packet. */
const HEAD = 23
