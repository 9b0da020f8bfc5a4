import { type Bench, type Pair, story } from "./bench.ts"
import type { LawDefinition } from "./law.ts"
import { note, notes } from "./packets.ts"

/** Laws on isolation: links of one dialer and one acceptor do not affect each other. */
export const isolation: readonly LawDefinition[] = [
  {
    id: "isolation.two-links",
    title: "what is said on one link is not heard on another",
    async prove(bench) {
      const [one, two] = [await bench.connect(), await bench.connect()]
      const said = { a: notes(50, "a"), b: notes(50, "b"), c: notes(50, "c"), d: notes(50, "d") }
      one.channel.sendEach(said.a)
      two.channel.sendEach(said.b)
      two.hub.sendEach(said.d)
      one.hub.sendEach(said.c)
      await bench.arrives(one.hub, said.a)
      await bench.arrives(two.hub, said.b)
      await bench.arrives(one.channel, said.c)
      await bench.arrives(two.channel, said.d)
    },
  },
  {
    id: "isolation.many-dials",
    title: "links that are dialed in the same tick each get an end of their own",
    async prove(bench) {
      const channels = Array.from({ length: 8 }, () => bench.hail())
      await bench.until(
        () => channels.every(({ opening }) => opening !== undefined),
        "8 welcomes",
        () => `${channels.filter(({ opening }) => opening !== undefined).length}`,
      )
      bench.expect(bench.admitted.length === 8, "8 links at the hub", `${bench.admitted.length}`)
      bench.expect(new Set(channels.map(({ opening }) => opening)).size === 8, "each its own welcome", "one twice")
      for (const [index, channel] of channels.entries()) channel.send(note(`from ${index}`))
      for (const [index, channel] of channels.entries()) {
        const hub = bench.otherEnd(channel)
        if (hub !== undefined) await bench.arrives(hub, [note(`from ${index}`)])
      }
    },
  },
  ...(["channel", "hub"] as const).map(
    (seat): LawDefinition => ({
      id: `isolation.close-at-${seat}`,
      title: `a link that is closed at the ${seat} leaves the others alone`,
      async prove(bench) {
        const [one, two] = [await bench.connect(), await bench.connect()]
        one[seat].close()
        await bench.isTold(seat === "channel" ? one.hub : one.channel)
        await stillWorks(bench, two)
      },
    }),
  ),
  {
    id: "isolation.redial",
    title: "a link that is dialed when another has just ended begins from nothing",
    async prove(bench) {
      for (let round = 0; round < 4; round++) {
        const pair = await bench.connect()
        pair.channel.sendEach(notes(10, `old ${round} `))
        pair.hub.sendEach(notes(10, `old ${round} `))
        if (round % 2 === 0) pair.channel.close()
        else pair.hub.close()
      }
      await stillWorks(bench, await bench.connect())
    },
  },
  {
    id: "isolation.busy-neighbour",
    title: "a link that carries much does not stop another",
    async prove(bench) {
      const [busy, other] = [await bench.connect(), await bench.connect()]
      const size = Math.min(60_000, bench.traits.maxBatchBytes)
      const [up, down] = [notes(20, "up", size), notes(20, "down", size)]
      busy.channel.sendEach(up)
      busy.hub.sendEach(down)
      await stillWorks(bench, other)
      await bench.arrives(busy.hub, up)
      await bench.arrives(busy.channel, down)
    },
  },
  {
    id: "isolation.name",
    title: "links, dialer and origin go by the transport's one name",
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      const { name } = bench.rig.dialer
      const names = [channel.link.name, hub.link.name, hub.origin?.transport]
      bench.expect(
        names.every((other) => other === name),
        `${name} everywhere`,
        names.join(", "),
      )
      hub.call("origin.header", () => hub.origin?.header("x-none"))
      bench.expect(
        bench.rig.dialer.supported(bench.target.platform),
        "the dialer to be supported on its platform",
        "not",
      )
    },
  },
]

/** Checks that a link which has carried only its hello and welcome carries one packet each way, and nothing else. */
export async function stillWorks(bench: Bench, { channel, hub }: Pair): Promise<void> {
  channel.send(note("still up"))
  hub.send(note("still down"))
  await bench.arrives(hub, [note("still up")])
  await bench.arrives(channel, [note("still down")])
  for (const end of [channel, hub]) bench.expect(!end.over, "the link to live on", () => story(end))
}
