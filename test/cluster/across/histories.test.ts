import fc from "fast-check"
import { expect, it } from "vitest"
import { SOON_MS, world } from "./world.ts"

const ROOMS = ["a", "b", "c"]

/** One step of a history. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant("send"), from: fc.nat(2), rooms: fc.subarray(ROOMS) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("pass"), ms: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("volatile"), from: fc.nat(2), rooms: fc.subarray(ROOMS) }) },
)

it("any history: each peer hears what is meant for it once, in the order of each sender", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.subarray(ROOMS), { minLength: 4, maxLength: 4 }),
      fc.nat(1_000),
      async (history, members, seed) => {
        const { at, person, runtime } = await world({ processes: 3, seed, jitterMs: 15 })
        const people = []
        for (const [n, rooms] of members.entries()) people.push(await person(n % 3, `p${n}`, rooms))
        let count = 0
        const sent: { from: number; n: number; rooms: readonly string[] }[] = []
        for (const one of history) {
          if ("ms" in one) await runtime.pass(one.ms)
          else {
            const { from, rooms } = one
            const { hub } = at(from)
            const options = one.what === "volatile" ? { volatile: true } : undefined
            const data = [from, ++count]
            // No rooms: to all.
            if (rooms.length === 0) hub.send("word", data, options)
            else hub.to(...rooms).send("word", data, options)
            sent.push({ from, n: count, rooms })
          }
        }
        await runtime.pass(SOON_MS)
        for (const [index, { heard }] of people.entries()) {
          const own = members[index] ?? []
          for (const from of [0, 1, 2]) {
            const meant = sent.filter(
              (one) => one.from === from && (one.rooms.length === 0 || one.rooms.some((room) => own.includes(room))),
            )
            const got = (heard as [number, number][]).filter(([by]) => by === from).map(([, n]) => n)
            expect(got).toEqual(meant.map(({ n }) => n))
          }
        }
      },
    ),
    { seed: 18, numRuns: 60 },
  )
})
