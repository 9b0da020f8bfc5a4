import { Channel } from "../../client/channel.ts"
import { Hub } from "../../server/hub.ts"
import type { HubOptions } from "../../server/options.ts"
import type { Door } from "../../transports/transport.ts"
import type { Packet } from "../../wire/batch.ts"
import { EverwireError } from "../../wire/errors.ts"
import type { Bench } from "./bench.ts"
import type { LawDefinition } from "./law.ts"
import { difference } from "./packets.ts"

/** Makes a real hub that admits the rig's links, and a real channel that dials it. */
function openWhole(bench: Bench, options: HubOptions = {}): { channel: Channel; hub: Hub; close(): Promise<void> } {
  const { dialer } = bench.rig
  let door: Door | undefined
  // The hub opens this stub acceptor and gives it a door. The rig's real acceptor keeps the bench's door, which passes
  // its links on to the hub's door.
  const open = (given: Door): object => {
    door = given
    return {}
  }
  const hub = new Hub({ runtime: bench.timers.hub, ...options }, [{ name: dialer.name, open }])
  bench.admit = (link, origin) => (door as Door).admit(link, origin) // set: the constructor opens acceptors
  const { url, platform, runtime } = bench.target
  const channel = new Channel(url, { runtime, platform, store: null, reprobeMs: [] }, [dialer])
  const close = async (): Promise<void> => {
    await bench.pass(channel.close({ flushMs: 0 }), "the channel to close")
    await bench.pass(hub.close(), "the hub to close")
  }
  return { channel, hub, close }
}

/** Waits for `count` messages and checks that they are the numbers from 0 on, each once and in order. */
async function counted(bench: Bench, heard: readonly unknown[], count: number, where: string): Promise<void> {
  await bench.until(
    () => heard.length >= count,
    `${count} messages at the ${where}`,
    () => `${heard.length}`,
  )
  await bench.settle()
  const wrong = heard.findIndex((data, index) => data !== index)
  bench.expect(
    wrong < 0 && heard.length === count,
    `each of ${count} messages once and in order at the ${where}`,
    () => `${heard.length}, and ${String(heard[wrong])} as number ${wrong}`,
  )
}

/** Laws on a real channel and a real hub over this transport. */
export const interopChannel: readonly LawDefinition[] = [
  {
    id: "interop.channel",
    title: "a channel opens, and hears and is heard",
    async prove(bench) {
      const { channel, hub, close } = openWhole(bench)
      const [up, down]: [unknown[], unknown[]] = [[], []]
      hub.on("n", (data) => up.push(data))
      channel.on("n", (data) => down.push(data))
      for (let n = 0; n < 100; n++) channel.send("n", n)
      await bench.pass(channel.opened, "the channel to open")
      bench.expect(channel.transport === bench.rig.dialer.name, bench.rig.dialer.name, `${channel.transport}`)
      for (let n = 0; n < 100; n++) hub.send("n", n)
      await counted(bench, up, 100, "hub")
      await counted(bench, down, 100, "channel")
      await close()
    },
  },
  {
    id: "interop.requests",
    title: "requests are answered in both directions",
    async prove(bench) {
      const { channel, hub, close } = openWhole(bench)
      hub.handle("double", (data) => 2 * Number(data))
      channel.handle("half", (data) => Number(data) / 2)
      const answers = Promise.all([1, 2, 3].map((n) => channel.request("double", n)))
      const doubled = await bench.pass(answers, "three responses at the channel")
      bench.expect(doubled.join() === "2,4,6", "2,4,6", doubled.join())
      const [peer] = hub.peers.values()
      const half = await bench.pass(peer?.request("half", 8) ?? Promise.resolve(), "a response at the hub")
      bench.expect(half === 4, "4", String(half))
      await close()
    },
  },
  {
    id: "interop.payloads",
    title: "payloads of every kind and size come back as they went",
    async prove(bench) {
      const room = bench.traits.maxBatchBytes - 8_192
      const large = Math.min(1_000_000, room)
      const { channel, hub, close } = openWhole(bench)
      hub.handle("echo", (data) => data)
      const texts = [
        undefined,
        null,
        "",
        "\uD800\u2028\0\r\n",
        { deep: [{ "": [] }] },
        "x".repeat(large >> 1),
        "é€😀".repeat(large / 12),
      ]
      const binary = [new Uint8Array(), new Uint8Array(large >> 1).fill(0x80)]
      for (const payload of [...texts, ...(bench.traits.binary ? binary : [])]) {
        const echo = await bench.pass(channel.request("echo", payload), "the payload back")
        const wrong = difference([look(payload)], [look(echo)])
        bench.expect(wrong === undefined, "the payload back", () => `${wrong}`)
      }
      await close()
    },
  },
  {
    id: "interop.channel-cuts",
    title: "a channel whose links are closed under it loses and doubles nothing",
    async prove(bench) {
      const { channel, hub, close } = openWhole(bench)
      const [up, down]: [unknown[], unknown[]] = [[], []]
      hub.on("n", (data) => up.push(data))
      channel.on("n", (data) => down.push(data))
      const { admit } = bench
      let links = 0
      let closeIt = (): void => {}
      bench.admit = (link, origin) => {
        links++
        const sink = admit(link, origin)
        closeIt = () => {
          const why = { code: "network", reason: "cut by the law", retryable: true } as const
          link.close(why)
          sink.closed(why)
        }
        return sink
      }
      await bench.pass(channel.opened, "the channel to open")
      for (let n = 0; n < 60; n++) {
        channel.send("n", n)
        hub.send("n", n)
        if (n % 20 === 10) closeIt()
        if (n % 5 === 0) await bench.settle()
      }
      await counted(bench, up, 60, "hub")
      await counted(bench, down, 60, "channel")
      bench.expect(links > 1, "another link after one that was cut", `${links}`)
      await close()
    },
  },
  {
    id: "interop.refused",
    title: "a channel whose credentials are refused is closed and told why",
    async prove(bench) {
      const { channel, hub } = openWhole(bench, { authenticate: () => null })
      const code = await bench.pass(
        channel.opened.then(
          () => "opened",
          (error: unknown) => (error instanceof EverwireError ? error.code : String(error)),
        ),
        "an answer",
      )
      bench.expect(code === "unauthorized", "unauthorized", code)
      await bench.pass(hub.close(), "the hub to close")
    },
  },
  {
    id: "interop.garbage-hello",
    title: "a hub answers a link that begins with garbage by a bye and a code, and goes on",
    async prove(bench) {
      const { channel, close } = openWhole(bench)
      const end = bench.dial()
      end.send("m this is no hello")
      await bench.isTold(end)
      const code = end.closings[0]?.code
      bench.expect(!bench.traits.tellsCode || code === "protocol-error", "protocol-error", `${code}`)
      await bench.pass(channel.opened, "the channel to open")
      await close()
    },
  },
  {
    id: "interop.goodbye",
    title: "a channel that closes is gone at the hub at once",
    async prove(bench) {
      const { channel, hub } = openWhole(bench)
      await bench.pass(channel.opened, "the channel to open")
      let why = ""
      hub.peers
        .values()
        .next()
        .value?.onClose(({ code }) => {
          why = code
          bench.news()
        })
      channel.send("n", 1)
      await bench.pass(channel.close(), "the channel to close")
      await bench.until(
        () => why !== "",
        "the peer to close",
        () => "a peer that is still there",
      )
      bench.expect(why === "closed-by-peer", "closed-by-peer", why)
      await bench.pass(hub.close(), "the hub to close")
    },
  },
  {
    id: "interop.hub-closing",
    title: "a hub that shuts down says so to its channels, and keeps nothing",
    async prove(bench) {
      const { channel, hub } = openWhole(bench)
      await bench.pass(channel.opened, "the channel to open")
      let code = ""
      channel.onStatus((_status, { closing }) => {
        code ||= closing?.code ?? ""
        bench.news()
      })
      await bench.pass(hub.close(), "the hub to close")
      await bench.until(
        () => code !== "",
        "the channel to be told",
        () => channel.status,
      )
      bench.expect(!bench.traits.tellsCode || code === "hub-closing", "hub-closing", code)
      await bench.pass(channel.close({ flushMs: 0 }), "the channel to close")
      const left = (): readonly string[] => bench.timers.hub.timers
      await bench.until(
        () => left().length === 0,
        "no timer at the hub",
        () => left().join(", "),
      )
    },
  },
]

/** A payload in a form that `difference` can compare: bytes as they are, everything else as JSON text. */
function look(payload: unknown): Packet {
  return payload instanceof Uint8Array ? payload : `${JSON.stringify(payload)}`
}
