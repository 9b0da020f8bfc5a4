import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { type Bench, story } from "./bench.ts"
import type { End } from "./end.ts"
import { stillWorks } from "./isolation.ts"
import type { LawDefinition } from "./law.ts"
import { note, notes } from "./packets.ts"
import { fill } from "./pressure.ts"
import { alongBoth, eachSeat } from "./ways.ts"

/** Laws on reentry: calls from inside callbacks work, and no call runs a callback before it returns. */
export const reentry: readonly LawDefinition[] = [
  ...eachSeat(
    "reentry.send-in-batch",
    (seat) => `the ${seat} may send from inside its batch callback`,
    async (bench, end, other) => {
      end.onPacket = (packet) => end.send(packet)
      const said = notes(30)
      other.sendEach(said)
      await bench.arrives(end, said)
      await bench.arrives(other, said)
    },
  ),
  ...eachSeat(
    "reentry.close-in-batch",
    (seat) => `the ${seat} may close from inside its batch callback`,
    async (bench, end, other) => {
      let told = 0
      end.onPacket = () => {
        end.close()
        told = end.told.length
        end.onPacket = () => {} // of the same batch, if batches were joined
      }
      // When the end closes, more packets have arrived already, perhaps in the same read from the socket.
      other.sendEach(notes(20))
      await bench.isTold(other)
      await bench.settle()
      bench.expect(end.told.length === told, "silence after its own close", () => story(end))
    },
  ),
  {
    id: "reentry.answer-and-close",
    title: "an answer and a close from inside a batch callback arrive, in this order",
    prove: async (bench) => {
      for (const up of [true, false]) {
        const { channel, hub } = await bench.connect()
        const [from, to] = up ? [channel, hub] : [hub, channel]
        to.onPacket = () => {
          to.send(note("answer"))
          to.close()
        }
        from.send(note("question"))
        await bench.isTold(from)
        await bench.arrives(from, [note("answer")])
      }
    },
  },
  {
    id: "reentry.calls-in-closed",
    title: "sending and closing from inside the closed callback do no harm",
    prove: async (bench) => {
      for (const up of [true, false]) {
        const { channel, hub } = await bench.connect()
        const [from, to] = up ? [channel, hub] : [hub, channel]
        to.onClosed = () => {
          to.send(note("late"))
          to.close()
        }
        from.close()
        await bench.isTold(to)
        for (let i = 0; i < 3; i++) await bench.settle()
        bench.expect(to.closings.length === 1, "one closed", () => story(to))
        bench.expect(from.told.at(-1) !== "closed" && from.packets.length === 0, "nothing more", () => story(from))
      }
    },
  },
  {
    id: "reentry.dial-in-closed",
    title: "a channel may dial again from inside the closed callback",
    async prove(bench) {
      const { channel, hub } = await bench.connect()
      let again: End | undefined
      channel.onClosed = () => {
        again = bench.hail()
      }
      hub.close()
      await bench.isTold(channel)
      if (again !== undefined) await stillWorks(bench, await bench.meet(again))
    },
  },
  {
    id: "reentry.calls-in-writable",
    title: "sending and closing from inside the writable callback work",
    needs: ["backPressure"],
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        let said = fill(bench, from)
        from.onWritable = () => {
          from.onWritable = () => {}
          said = [...said, note("more")]
          from.send(note("more"))
        }
        await bench.until(
          () => to.packets.length === said.length && from.writables.length > 0,
          "writable, and what was sent in it to arrive",
          () => `${to.packets.length} of ${said.length} packets, writable ${from.writables.length} times`,
        )
      }),
  },
  {
    id: "reentry.close-in-writable",
    title: "closing from inside the writable callback ends the link",
    needs: ["backPressure"],
    async prove(bench) {
      for (const up of [true, false]) {
        const { channel, hub } = await bench.connect()
        const [from, to] = up ? [channel, hub] : [hub, channel]
        const { length } = from.writables
        fill(bench, from)
        from.onWritable = () => from.close()
        await bench.isTold(to)
        await bench.settle()
        bench.expect(!from.over && from.writables.length === length + 1, "silence after its own close", () =>
          story(from),
        )
      }
    },
  },

  {
    id: "reentry.quiet-dial",
    title: "a dial calls nothing back before it has returned, whether it can succeed or not",
    async prove(bench) {
      const { channel } = await bench.connect()
      isQuiet(bench, channel)
      await bench.rig.vanish?.("hub")
      const lost = bench.hail()
      await bench.settle()
      isQuiet(bench, lost)
    },
  },
  ...eachSeat(
    "reentry.quiet-send",
    (seat) => `a send of the ${seat} calls nothing back before it has returned`,
    async (bench, end, other) => {
      // A callback makes a call while more batches have arrived. The callbacks for these must wait until the call
      // returns.
      end.onPacket = () => end.send(note("answer"))
      other.sendEach(notes(20))
      await bench.settle()
      const large = Math.min(LINK_BUFFER_BYTES + 10_000, bench.traits.maxBatchBytes)
      for (const size of [0, 100_000, large]) {
        other.send(note("crossing"))
        end.send(note("sent", Math.min(size, large)))
        end.sendEach(notes(20))
        await bench.settle()
        end.send(note("sent", Math.min(size, large)))
        await bench.settle()
      }
      other.close()
      end.sendEach(notes(20))
      await bench.isTold(end)
      end.send(note("late"))
      await bench.settle()
      isQuiet(bench, end)
    },
  ),
  ...eachSeat(
    "reentry.quiet-close",
    (seat) => `a close of the ${seat} calls nothing back before it has returned`,
    async (bench, end, other) => {
      other.sendEach(notes(20))
      end.sendEach(notes(20, "n", 60_000 < bench.traits.maxBatchBytes ? 60_000 : 0))
      end.close()
      await bench.settle()
      end.close()
      isQuiet(bench, end)
    },
  ),
]

function isQuiet(bench: Bench, end: End): void {
  bench.expect(end.inside.length === 0, "no callback from inside a call", () => end.inside.slice(0, 3).join(", "))
}
