import { explanations } from "../../wire/errors.ts"
import { type Bench, type Pair, story } from "./bench.ts"
import { stillWorks } from "./isolation.ts"
import type { LawDefinition } from "./law.ts"
import { note, notes } from "./packets.ts"

/** Laws on hostility: garbage on one connection harms no other connection. */
export const hostility: readonly LawDefinition[] = [
  ...(["hub", "channel"] as const).map(
    (toward): LawDefinition => ({
      id: `hostility.garbled-${toward === "hub" ? "up" : "down"}`,
      title: `garbage that comes to the ${toward} is not taken for a batch: it is made good, or ends the link with a code`,
      needs: ["garble"],
      async prove(bench) {
        const pair = await bench.connect()
        const [from, to] = toward === "hub" ? [pair.channel, pair.hub] : [pair.hub, pair.channel]
        await bench.rig.garble?.(toward)
        const said = notes(5)
        from.sendEach(said)
        await bench.until(
          () => isOver(pair) || to.packets.length >= said.length,
          "the end of the link, or everything that was said",
          () => story(to),
        )
        await bench.settle()
        const strange = to.packets.find((packet) => !said.includes(packet as string)) // a binary packet counts as garbage too
        bench.expect(strange === undefined, "nothing that nobody said", String(strange))
        if (!isOver(pair)) await bench.arrives(to, said)
        isCoded(bench, pair)
      },
    }),
  ),
  {
    id: "hostility.neighbour",
    title: "garbage on one link does not touch another",
    needs: ["garble"],
    async prove(bench) {
      const other = await bench.connect()
      const pair = await bench.connect()
      await bench.rig.garble?.("hub")
      pair.channel.sendEach(notes(5))
      await bench.settle()
      await stillWorks(bench, other)
    },
  },
  {
    id: "hostility.strangers",
    title: "strangers at the door are turned away, and those inside do not notice",
    needs: ["intrude"],
    async prove(bench) {
      const pair = await bench.connect()
      await bench.rig.intrude?.()
      for (let i = 0; i < 3; i++) await bench.settle()
      // A transport that admits a link before its first batch must close the link when that batch is garbage.
      await bench.until(
        () => bench.admitted.every((hub) => hub === pair.hub || hub.over || hub.told.length === 0),
        "whoever said garbage to be put out",
        () => `${bench.admitted.length - 1} strangers inside`,
      )
      for (const hub of bench.admitted) {
        if (hub !== pair.hub)
          bench.expect(hub.packets.length === 0 && hub.opening === undefined, "no batch of a stranger", () =>
            story(hub),
          )
      }
      await stillWorks(bench, pair)
    },
  },
  {
    id: "hostility.oversized",
    title: "a batch that is larger than the door lets in ends the link with a code",
    async prove(bench) {
      const pair = await bench.connect()
      pair.channel.send(note("too large", bench.traits.maxBatchBytes + 70_000))
      await bench.isTold(pair.channel)
      await bench.settle()
      bench.expect(pair.hub.packets.length === 0, "nothing of it at the hub", () => story(pair.hub))
      isCoded(bench, pair)
    },
  },
  {
    id: "hostility.aftermath",
    title: "after garbage and an oversized batch the next dial is served as ever",
    needs: ["garble"],
    async prove(bench) {
      for (const toward of ["hub", "channel"] as const) {
        const pair = await bench.connect()
        const to = pair[toward]
        await bench.rig.garble?.(toward)
        if (toward === "hub") pair.channel.send(note("garbled"))
        else pair.hub.send(note("garbled"))
        await bench.until(
          () => isOver(pair) || to.packets.length > 0,
          "the end of the link, or what was sent on it",
          () => story(to),
        )
        pair.channel.close()
        pair.hub.close()
      }
      const { channel } = await bench.connect()
      channel.send(note("too large", bench.traits.maxBatchBytes + 70_000))
      await bench.isTold(channel)
      await stillWorks(bench, await bench.connect())
    },
  },
]

function isOver({ channel, hub }: Pair): boolean {
  return channel.over || hub.over
}

/** Checks that each closing so far has a code that `docs/errors.md` explains. */
function isCoded(bench: Bench, { channel, hub }: Pair): void {
  for (const { closings, seat } of [channel, hub]) {
    for (const { code } of closings) {
      bench.expect(Object.hasOwn(explanations, code), `a code that is explained, at the ${seat}`, JSON.stringify(code))
    }
  }
}
