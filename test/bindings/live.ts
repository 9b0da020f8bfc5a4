import { Channel } from "everwire"
import { type SharedChannel, shareChannel } from "everwire/react"
import { Hub } from "everwire/server"
import { createNetwork, createVirtualRuntime } from "everwire/testing"

export interface Chat {
  down: { said: { text: string }; tick: number }
  requests: {
    find(by: { text: string }): string
    count(): number
    words(prompt: string): AsyncIterable<string>
  }
}

/** A hub in virtual time, and a shared channel to it that notes each channel that it makes. */
export interface Live {
  readonly live: SharedChannel<Chat>
  readonly made: readonly Channel<Chat>[]
  readonly hub: Hub<Chat>
  /** What happened at the hub, in order. */
  readonly log: string[]
  pass(ms: number): Promise<void>
}

export function startLive(): Live {
  const runtime = createVirtualRuntime()
  const network = createNetwork({ runtime })
  const hub = new Hub<Chat>({ runtime: runtime.machine() }, [network.acceptor("websocket")])
  const log: string[] = []
  const tab = runtime.machine()
  hub.handle("find", async ({ text }, _, { signal }) => {
    log.push(`find ${text}`)
    if (text === "nothing") throw new Error("nothing")
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => log.push(`aborted ${text}`))
      tab.after(text === "slow" ? 5_000 : 50, resolve)
    })
    return `found ${text}`
  })
  hub.handle("count", () => 7)
  hub.handle("words", async function* (prompt) {
    try {
      yield prompt
      yield "second"
      yield "third"
      await new Promise<void>((resolve) => tab.after(60_000, resolve))
    } finally {
      log.push("words ended")
    }
  })
  const made: Channel<Chat>[] = []
  const live = shareChannel(() => {
    const channel = new Channel<Chat>("http://hub", { runtime: tab, store: null }, [network.dialer("websocket")])
    made.push(channel)
    return channel
  })
  return { live, made, hub, log, pass: (ms) => runtime.pass(ms) }
}
