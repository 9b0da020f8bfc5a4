import { type Channel, createChannel, type Dialer } from "everwire"
import { type Acceptor, createHub, type Hub } from "everwire/server"
import type { VirtualRuntime } from "everwire/testing"

/** The application of one side of the recorded conversation, and what it had heard at the end. */
export interface Seat<Application> {
  readonly application: Application
  /** The data that handlers and requests of this side were given, in order. */
  readonly heard: string[]
}

const LARGE = "x".repeat(40_000)

/** Ids that depend on the side only, so that one side can be replayed without the other. */
function withIds(runtime: VirtualRuntime, seat: string): VirtualRuntime {
  let count = 0
  return Object.assign(Object.create(runtime) as VirtualRuntime, {
    id: () => `${seat}-${String(++count).padStart(21, "0")}`,
  })
}

/** The hub's application: greets each peer, answers and asks requests, and sends each chat message back. */
export function startHub(runtime: VirtualRuntime, transports: readonly Acceptor[]): Seat<Hub> {
  const heard: string[] = []
  const hub = createHub({ runtime: withIds(runtime, "hub"), transports, holdMs: 25_000 })
  hub.onPeer((peer) => {
    peer.send("greeting", "welcome")
    runtime.after(600, () => {
      void peer.request("confirm", "sure?").then((answer) => heard.push(`confirm ${summary(answer)}`))
    })
    peer.onClose((why) => heard.push(`closed ${why.code}`))
  })
  hub.on("chat", (data, peer) => {
    heard.push(`chat ${summary(data)}`)
    peer.send("said", data)
  })
  hub.handle("double", (data) => 2 * (data as number))
  hub.handle("reverse", (data) => (data as Uint8Array).toReversed())
  hub.handle("never", () => new Promise(() => {}))
  return { application: hub, heard }
}

/** The channel's application: uses everything that version 1 can say, each at a fixed time. */
export function startChannel(runtime: VirtualRuntime, transports: readonly Dialer[]): Seat<Channel> {
  const heard: string[] = []
  const channel = createChannel("http://hub/everwire", {
    runtime: withIds(runtime, "channel"),
    store: null,
    transports,
  })
  channel.on("greeting", (data) => heard.push(`greeting ${summary(data)}`))
  channel.on("said", (data) => heard.push(`said ${summary(data)}`))
  channel.handle("confirm", (data) => data === "sure?")
  const ask = (name: string, data: unknown, timeoutMs = 5_000): void => {
    channel.request(name, data, { timeoutMs }).then(
      (answer) => heard.push(`${name} ${summary(answer)}`),
      (error: { code: string }) => heard.push(`${name} failed: ${error.code}`),
    )
  }
  const acts: readonly [atMs: number, act: () => void][] = [
    [0, () => channel.send("chat", { text: "hi ✓" })],
    [200, () => ask("double", 21)],
    [300, () => channel.send("chat", Uint8Array.of(0, 10, 255))],
    [400, () => ask("reverse", Uint8Array.of(1, 2, 3))],
    [500, () => ask("unknown", null)],
    [700, () => ask("never", undefined, 100)],
    [1_000, () => channel.send("chat", LARGE)],
    [1_500, () => channel.send("chat", new Uint8Array(20_000).fill(7))],
    [9_500, () => channel.send("chat", "after the cut")],
    [11_000, () => void channel.close()],
  ]
  for (const [atMs, act] of acts) runtime.after(atMs, act)
  return { application: channel, heard }
}

function summary(data: unknown): string {
  if (data instanceof Uint8Array) return `${data.length} bytes from ${data[0]} to ${data.at(-1)}`
  const text = JSON.stringify(data)
  return text.length < 100 ? text : `${text.length} characters`
}
