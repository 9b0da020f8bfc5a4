import type { Packet } from "../../wire/batch.ts"
import { LINK_BUFFER_BYTES } from "../../wire/defaults.ts"
import { type Bench, story } from "./bench.ts"
import type { End } from "./end.ts"
import type { LawDefinition } from "./law.ts"
import { note, notes } from "./packets.ts"
import { alongBoth, bothWays } from "./ways.ts"

/** Upper bound of what `fill` sends, in bytes: more than any transport takes from the buffer in one tick. */
const MOST_BYTES = 33_554_432

/** Sends until `bufferedBytes` reaches the limit at which a session stops sending. Returns the packets sent. */
export function fill(bench: Bench, from: End): Packet[] {
  const size = Math.min(65_536, bench.traits.maxBatchBytes)
  const said: Packet[] = []
  while (from.bufferedBytes < LINK_BUFFER_BYTES && said.length * size < MOST_BYTES) {
    const packet = note(`f${said.length}`, size)
    said.push(packet)
    from.send(packet)
  }
  bench.expect(
    from.bufferedBytes >= LINK_BUFFER_BYTES,
    `bufferedBytes to grow to ${LINK_BUFFER_BYTES} in one tick`,
    () => `${from.bufferedBytes} after ${said.length} batches of ${size} bytes`,
  )
  return said
}

/**
 * Laws on back-pressure: `bufferedBytes` and `writable` are true. A session stops sending at 256 KiB of
 * `bufferedBytes` and goes on when `writable` is called.
 */
export const pressure: readonly LawDefinition[] = [
  {
    id: "pressure.at-rest",
    title: "a link that has nothing to carry buffers nothing",
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        const said = notes(10)
        from.sendEach(said)
        await bench.arrives(to, said)
        await empties(bench, from)
      }),
  },
  ...bothWays(
    "pressure.grows",
    "what is sent faster than the wire takes it shows in bufferedBytes",
    async (bench, from, to) => {
      const before = from.bufferedBytes
      const said = fill(bench, from)
      const sent = said.reduce((sum, packet) => sum + packet.length, before)
      bench.expect(from.bufferedBytes <= 2 * sent, `at most about ${sent} bytes`, `${from.bufferedBytes}`)
      await bench.arrives(to, said)
    },
    ["backPressure"],
  ),
  ...bothWays(
    "pressure.falls",
    "bufferedBytes falls back to nothing when everything has gone",
    async (bench, from, to) => {
      await bench.arrives(to, fill(bench, from))
      await empties(bench, from)
    },
    ["backPressure"],
  ),
  {
    id: "pressure.before-open",
    title: "what waits for the wire to open counts",
    needs: ["backPressure"],
    prove(bench) {
      fill(bench, bench.hail())
      // It need not arrive: no session sends this much before its welcome, so the hub may refuse it.
      return bench.settle()
    },
  },
  ...bothWays(
    "pressure.writable",
    "a sender that waits for room is told when there is some",
    async (bench, from) => {
      fill(bench, from)
      await bench.until(
        () => from.writables.length > 0,
        "writable",
        () => `${story(from)}; bufferedBytes ${from.bufferedBytes}`,
      )
    },
    ["backPressure"],
  ),
  {
    id: "pressure.writable-is-true",
    title: "when writable is told there is room",
    needs: ["backPressure"],
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        for (let round = 0; round < 3; round++) {
          const before = to.packets.length
          const said = fill(bench, from)
          await bench.until(
            () => to.packets.length === before + said.length,
            "everything to arrive",
            () => story(to),
          )
          await bench.settle()
        }
        const full = from.writables.find((bytes) => bytes >= LINK_BUFFER_BYTES)
        bench.expect(full === undefined, `less than ${LINK_BUFFER_BYTES} bytes at each writable`, `${full}`)
      }),
  },
  {
    id: "pressure.unprompted",
    title: "nobody is told of room who never lacked it, unless the other end asks for more",
    prove: (bench) =>
      alongBoth(bench, async (from, to) => {
        let unprompted = from.asked === undefined ? from.writables.length : 0
        from.onWritable = () => {
          if (!from.asked) unprompted++
        }
        const said = notes(20)
        for (const packet of said) {
          from.send(packet)
          if (packet === said[9]) await bench.settle()
        }
        await bench.arrives(to, said)
        bench.expect(unprompted === 0, "no writable", () => story(from))
      }),
  },
  ...bothWays(
    "pressure.pump",
    "a sender that stops when the link is full and goes on when told brings everything across",
    async (bench, from, to) => {
      const size = Math.min(40_000, bench.traits.maxBatchBytes)
      const said = notes(60, "p", size)
      let at = 0
      let most = 0
      const pump = (): void => {
        while (at < said.length && from.bufferedBytes < LINK_BUFFER_BYTES) {
          from.send(said[at++] as Packet) // at < said.length
          most = Math.max(most, from.bufferedBytes)
        }
      }
      from.onWritable = pump
      pump()
      await bench.arrives(to, said)
      // The bound is generous: some transports count UTF-8 bytes and not characters, and headers add a little.
      const bound = LINK_BUFFER_BYTES + 2 * size
      bench.expect(most <= bound, `never more than ${bound} bytes buffered`, `${most}`)
    },
    ["backPressure"],
  ),
]

async function empties(bench: Bench, end: End): Promise<void> {
  await bench.until(
    () => end.bufferedBytes === 0,
    `nothing buffered at the ${end.seat}'s end`,
    () => `${end.bufferedBytes} bytes`,
  )
}
