import type { LawDefinition } from "./law.ts"
import { bytes, note, notes } from "./packets.ts"
import { bothWays } from "./ways.ts"

/** Laws on order: batches arrive in the order in which they were sent. */
export const order: readonly LawDefinition[] = [
  ...bothWays("order.burst", "a thousand batches of one tick arrive whole and in order", async (bench, from, to) => {
    const said = notes(1_000)
    from.sendEach(said)
    await bench.arrives(to, said)
  }),

  ...bothWays("order.paced", "batches that are sent one by one arrive one by one", async (bench, from, to) => {
    const said = notes(5)
    for (const [index, packet] of said.entries()) {
      from.send(packet)
      await bench.arrives(to, said.slice(0, index + 1))
    }
  }),

  ...bothWays("order.sizes", "a small batch does not overtake a large one", async (bench, from, to) => {
    const large = Math.min(60_000, bench.traits.maxBatchBytes)
    const said = Array.from({ length: 20 }, (_, index) => note(index, index % 2 === 0 ? large : 10))
    from.sendEach(said)
    await bench.arrives(to, said)
  }),

  ...bothWays(
    "order.kinds",
    "text and bytes keep their order among each other",
    async (bench, from, to) => {
      const said = Array.from({ length: 60 }, (_, index) => (index % 3 === 1 ? bytes(index) : note(index)))
      from.sendEach(said)
      await bench.arrives(to, said)
    },
    ["binary"],
  ),

  {
    id: "order.crossing",
    title: "what goes up and what comes down at the same time do not disturb each other",
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      const up = notes(300, "up")
      const down = notes(300, "down")
      for (const [index, packet] of up.entries()) {
        channel.send(packet)
        hub.send(down[index] as string) // `down` is as long as `up`
        if (index % 50 === 49) await bench.settle()
      }
      await bench.arrives(hub, up)
      await bench.arrives(channel, down)
    },
  },

  {
    id: "order.before-open",
    title: "what is sent before the wire is open waits and arrives in order",
    async prove(bench) {
      const channel = bench.hail()
      const said = notes(50)
      channel.sendEach(said)
      await bench.until(
        () => bench.admitted.some(({ opening }) => opening !== undefined),
        "the hello to reach the hub first",
        () => `${bench.admitted.length} links there and no hello`,
      )
      const [hub] = bench.admitted
      if (hub !== undefined) await bench.arrives(hub, said)
    },
  },

  {
    id: "order.early-down",
    title: "what the hub sends at the first moment comes first",
    async prove(bench) {
      const said = notes(50)
      bench.receive = (hub) => {
        hub.onOpening = (hello) => {
          hub.send(`w${hello.slice(1)}`)
          hub.sendEach(said)
        }
      }
      const { channel } = await bench.connect()
      await bench.arrives(channel, said)
    },
  },

  {
    id: "order.after-quiet",
    title: "after a while in which nothing was said, the link still carries both ways",
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      const quietUntil = bench.rig.runtime.now() + 2.5 * bench.holdMs
      while (bench.rig.runtime.now() < quietUntil) await bench.settle()
      channel.send(note("up"))
      await bench.arrives(hub, [note("up")])
      hub.send(note("down"))
      await bench.arrives(channel, [note("down")])
    },
  },
]
