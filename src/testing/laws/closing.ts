import { type Closing, type Code, closing } from "../../wire/errors.ts"
import { type Bench, story } from "./bench.ts"
import type { End } from "./end.ts"
import type { LawDefinition } from "./law.ts"
import { note, notes } from "./packets.ts"
import { bothWays, eachSeat } from "./ways.ts"

/** Codes that a transport which claims `tellsCode` must carry: the channel or the hub reacts differently to each. */
const CODES: readonly Code[] = [
  "closed",
  "hub-closing",
  "superseded",
  "silent",
  "protocol-error",
  "unauthorized",
  "over-capacity",
]

/** Closes one end of a new link with `why`, and returns the closing that the other end is told. */
async function crossing(bench: Bench, why: Closing, up: boolean): Promise<Closing | undefined> {
  const { channel, hub } = await bench.connect()
  const [from, to] = up ? [channel, hub] : [hub, channel]
  from.close(why)
  await bench.isTold(to)
  return to.closings[0]
}

/** Laws on how a link ends. */
export const closings: readonly LawDefinition[] = [
  ...bothWays("closing.told", "a close reaches the other end", async (bench, from, to) => {
    from.close()
    await bench.isTold(to)
  }),

  ...(["up", "down"] as const).map(
    (way): LawDefinition => ({
      id: `closing.code-${way}`,
      title: `the code of a closing crosses, from ${way === "up" ? "channel to hub" : "hub to channel"}`,
      needs: ["tellsCode"],
      async prove(bench) {
        for (const code of CODES) {
          const seen = await crossing(bench, closing(code, "told by the law"), way === "up")
          bench.expect(seen?.code === code, `the code ${code}`, `${seen?.code}`)
        }
      },
    }),
  ),
  {
    id: "closing.reason",
    title: "the reason of a closing crosses",
    needs: ["tellsReason"],
    async prove(bench) {
      for (const up of [true, false]) {
        const reason = 'a reason: with "quotes", 50% & more'
        const seen = await crossing(bench, closing("closed", reason), up)
        bench.expect(seen?.reason === reason, `the reason ${JSON.stringify(reason)}`, JSON.stringify(seen?.reason))
      }
    },
  },
  {
    id: "closing.retryable",
    title: "whether dialing again can help crosses",
    needs: ["tellsRetryable"],
    async prove(bench) {
      for (const retryable of [true, false]) {
        for (const up of [true, false]) {
          const seen = await crossing(bench, closing("closed", "told by the law", retryable), up)
          bench.expect(seen?.retryable === retryable, `retryable: ${retryable}`, `retryable: ${seen?.retryable}`)
        }
      }
    },
  },
  {
    id: "closing.retry-after",
    title: "the hub's wish for how long to wait crosses",
    needs: ["tellsRetryAfter"],
    async prove(bench) {
      const seen = await crossing(bench, closing("hub-closing", "told by the law", true, 1_234), false)
      bench.expect(seen?.retryAfterMs === 1_234, "retryAfterMs: 1234", `retryAfterMs: ${seen?.retryAfterMs}`)
    },
  },
  ...bothWays(
    "closing.long-reason",
    "a reason that the wire cannot carry does not stop the close",
    async (bench, from, to) => {
      from.close(closing("closed", `${"ratio\r\n\0\u2028\uD800é€😀 ".repeat(300)}`))
      await bench.isTold(to)
      const [seen] = to.closings
      bench.expect(!bench.traits.tellsCode || seen?.code === "closed", "the code closed", `${seen?.code}`)
    },
  ),

  ...bothWays("closing.once", "the end of a link is told once", async (bench, from, to) => {
    from.close()
    await bench.isTold(to)
    await bench.rig.sever?.()
    for (let i = 0; i < 3; i++) await bench.settle()
    bench.expect(to.closings.length === 1, "one closed", () => story(to))
  }),

  ...eachSeat(
    "closing.own-is-silent",
    (seat) => `after its own close the ${seat}'s end hears of no end`,
    async (bench, end, other) => {
      end.close()
      other.close()
      await bench.settle()
      await bench.rig.sever?.()
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(end.closings.length === 0, "no closed after its own close", () => story(end))
    },
  ),
  ...eachSeat(
    "closing.own-is-deaf",
    (seat) => `after its own close the ${seat}'s end hears no batch that was on the way`,
    async (bench, end, other) => {
      // One batch first, so that the transport has finished everything it does only on a new link.
      other.send(note("before"))
      await bench.arrives(end, [note("before")])
      other.sendEach(notes(20))
      end.close()
      other.sendEach(notes(20))
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(end.packets.length === 1, "no batch after its own close", () => story(end))
    },
  ),
  ...eachSeat(
    "closing.send-after-own",
    (seat) => `what the ${seat} sends after its own close is forgotten`,
    async (bench, end, other) => {
      end.close()
      end.sendEach(notes(3))
      await bench.isTold(other)
      end.send(note("late"))
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(other.packets.length === 0, "nothing to arrive", () => story(other))
    },
  ),
  ...eachSeat(
    "closing.send-after-told",
    (seat) => `what the ${seat} sends after it was told of the end is forgotten`,
    async (bench, end, other) => {
      other.close()
      await bench.isTold(end)
      end.sendEach(notes(3))
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(other.packets.length === 0, "nothing to arrive at an end that has closed", () => story(other))
    },
  ),
  {
    id: "closing.twice",
    title: "of two closes the first counts and the second does no harm",
    async prove(bench) {
      for (const up of [true, false]) {
        const { channel, hub } = await bench.connect()
        const [from, to] = up ? [channel, hub] : [hub, channel]
        from.close(closing("superseded", "the first"))
        from.close(closing("silent", "the second"))
        await bench.isTold(to)
        await bench.settle()
        from.close()
        await bench.settle()
        bench.expect(to.closings.length === 1, "one closed", () => story(to))
        const code = to.closings[0]?.code
        bench.expect(!bench.traits.tellsCode || code === "superseded", "the code of the first close", `${code}`)
      }
    },
  },
  {
    id: "closing.after-told",
    title: "closing a link that the other end has closed does no harm",
    async prove(bench) {
      for (const up of [true, false]) {
        const { channel, hub } = await bench.connect()
        const [from, to] = up ? [channel, hub] : [hub, channel]
        from.close()
        await bench.isTold(to)
        to.close()
        for (let i = 0; i < 3; i++) await bench.settle()
        bench.expect(to.closings.length === 1, "one closed", () => story(to))
        bench.expect(!from.over, "nothing more at the end that closed first", () => story(from))
      }
    },
  },
  {
    id: "closing.both-at-once",
    title: "when both ends close in the same moment neither is told",
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      channel.close()
      hub.close()
      for (let i = 0; i < 3; i++) await bench.settle()
      for (const end of [channel, hub]) bench.expect(!end.over, `nothing at the ${end.seat}'s end`, () => story(end))
    },
  },

  {
    id: "closing.before-open",
    title: "a dial that is cancelled before the wire is open tells the channel nothing, and the next one works",
    async prove(bench) {
      const channel = bench.hail()
      channel.close()
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(channel.told.length === 0, "nothing at the channel's end", () => story(channel))
      // A transport that cannot cancel a dial may have admitted the link. Then the hub's end is still open and is
      // closed here.
      for (const hub of bench.admitted) hub.close()
      await bench.connect()
    },
  },
  {
    id: "closing.before-hello",
    title: "a link on which nothing was ever said can be closed",
    async prove(bench) {
      const channel = bench.dial()
      await bench.settle()
      channel.close()
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(channel.told.length === 0, "nothing at the channel's end", () => story(channel))
      for (const hub of bench.admitted)
        bench.expect(!hub.told.includes("batch"), "no batch at the hub's", () => story(hub))
    },
  },
  ...bothWays(
    "closing.last-words",
    "what was sent before a close arrives before the end is told",
    async (bench, from, to) => {
      const said = notes(20)
      let heardBefore = -1
      to.onClosed = () => {
        heardBefore = to.packets.length
      }
      from.sendEach(said)
      from.close()
      await bench.isTold(to)
      bench.expect(heardBefore === 20, "20 packets before the end", `${heardBefore}`)
      await bench.arrives(to, said)
    },
  ),
  ...bothWays("closing.nothing-follows", "nothing follows the end", async (bench, from, to) => {
    const said = notes(20)
    from.sendEach(said)
    from.close()
    from.sendEach(said)
    await bench.isTold(to)
    for (let i = 0; i < 3; i++) await bench.settle()
    bench.expect(to.told.at(-1) === "closed", "closed to be the last that is told", () => story(to))
  }),
  {
    id: "closing.refused-hello",
    title: "a hub that refuses a hello on the spot is heard, to the last word and the code",
    async prove(bench) {
      bench.receive = (hub) => {
        hub.onOpening = () => {
          hub.send("bye", note("bye"))
          hub.close(closing("unauthorized", "refused by the law", false))
        }
      }
      const channel = bench.hail()
      await bench.isTold(channel)
      bench.expect(channel.opening === "bye" && channel.packets.length === 1, "the last word", () => story(channel))
      isCode(bench, channel, "unauthorized")
    },
  },
  {
    id: "closing.at-the-door",
    title: "a hub that closes before it has heard anything is heard",
    async prove(bench) {
      bench.receive = (hub) => {
        bench.timers.hub.soon(() => hub.close(closing("over-capacity", "full")))
      }
      const channel = bench.hail()
      await bench.isTold(channel)
      isCode(bench, channel, "over-capacity")
    },
  },
  {
    id: "closing.unreachable",
    title: "a dial that reaches nobody is told once, and dialing again may help",
    needs: ["vanish", "noticesVanishedHub"],
    async prove(bench) {
      await bench.rig.vanish?.("hub")
      const channel = bench.hail()
      await bench.isTold(channel)
      for (let i = 0; i < 3; i++) await bench.settle()
      bench.expect(channel.told.join() === "closed", "closed and nothing else", () => story(channel))
      bench.expect(channel.closings[0]?.retryable === true, "retryable: true", "retryable: false")
    },
  },
]

function isCode(bench: Bench, end: End, code: Code): void {
  const seen = end.closings[0]?.code
  if (bench.traits.tellsCode) bench.expect(seen === code, `the code ${code}`, `${seen}`)
}
