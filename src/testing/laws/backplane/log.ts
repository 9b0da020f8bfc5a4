import type { Backplane } from "../../../cluster/backplane.ts"
import { type BackplaneBench, type BackplaneLaw, pattern } from "./bench.ts"

const LONG_MS = 60_000
const fence = { key: "fence", value: "one" }

async function fenced(bench: BackplaneBench, end: Backplane): Promise<void> {
  await bench.done("an answer", end.compareAndSet(fence.key, undefined, fence.value, LONG_MS))
}

const read = (bench: BackplaneBench, end: Backplane, log = "log"): Promise<readonly Uint8Array[]> =>
  bench.done("the entries", end.entries(log))

export const logs: readonly BackplaneLaw[] = [
  {
    id: "log.fence",
    title: "entries are added only while the fence has its value",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const append = (n: number, value = fence.value): Promise<boolean> =>
        bench.done("an answer", one.append("log", [Uint8Array.of(n)], { key: fence.key, value }, LONG_MS))
      bench.equal("without a fence", false, await append(0))
      await fenced(bench, other)
      bench.equal("with the fence", true, await append(1))
      bench.equal("with another value", false, await append(2, "other"))
      await bench.done("an answer", other.compareAndSet(fence.key, fence.value, "two", LONG_MS))
      bench.equal("after a change of the fence", false, await append(3))
      bench.equal("with its new value", true, await append(4, "two"))
      bench.equal("the entries", [Uint8Array.of(1), Uint8Array.of(4)], await read(bench, other))
    },
  },
  {
    id: "log.stale",
    title: "once the fence has changed and the log was read, nothing comes to it that was appended under the old one",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      for (let round = 0; round < 5; round++) {
        const [key, log] = [`fence${round}`, `log${round}`]
        await bench.done("an answer", one.compareAndSet(key, undefined, "one", LONG_MS))
        let isOver = false
        const added: number[] = []
        const work = (async () => {
          for (let n = 0; n < 200 && !isOver; n++) {
            if (!(await one.append(log, [Uint8Array.of(n)], { key, value: "one" }, LONG_MS))) return
            added.push(n)
          }
        })()
        await bench.until(
          "some appends",
          () => added.length > 3,
          () => added,
        )
        await bench.done("an answer", other.compareAndSet(key, "one", "two", LONG_MS))
        const seen = await read(bench, other, log)
        await bench.pass(50)
        isOver = true
        await bench.done("the end of the appends", work)
        bench.equal(
          "what was said to be added",
          added.map((n) => Uint8Array.of(n)),
          seen,
        )
        bench.equal("the entries later", seen, await read(bench, other, log))
      }
    },
  },
  {
    id: "log.order",
    title: "entries keep their order, and those of one append stay together",
    prove: async (bench) => {
      const ends = await bench.ends(3)
      await fenced(bench, ends[0])
      const add = async (end: Backplane, me: number): Promise<void> => {
        for (let n = 0; n < 5; n++) {
          const entries = [0, 1, 2].map((part) => Uint8Array.of(me, n, part))
          if (!(await end.append("log", entries, fence, LONG_MS))) bench.breaks("an append", "refused")
        }
      }
      await bench.done("all appends", Promise.all(ends.map(add)))
      const seen = await read(bench, ends[1])
      bench.equal("entries", 45, seen.length)
      for (let at = 0; at < 45; at += 3) {
        const [me = 0, n = 0] = seen[at] ?? []
        bench.equal(
          "three of one append",
          [0, 1, 2].map((part) => Uint8Array.of(me, n, part)),
          seen.slice(at, at + 3),
        )
      }
      for (const me of ends.keys()) {
        const numbers = seen.filter(([who, , part]) => who === me && part === 0).map(([, n]) => n)
        bench.equal("in the order of one end", [0, 1, 2, 3, 4], numbers)
      }
    },
  },
  {
    id: "log.bytes",
    title: "entries are kept unchanged: every byte, no bytes, a view, 1 MiB, and a hundred at once",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      await fenced(bench, one)
      const all = Uint8Array.from({ length: 256 }, (_, n) => n)
      const appends = [
        [all, new Uint8Array(), all.subarray(10, 20), Uint8Array.of(13, 10, 0)],
        [pattern(2 ** 20), pattern(3)],
        Array.from({ length: 100 }, (_, n) => pattern(n)),
      ]
      for (const entries of appends) {
        bench.equal("added", true, await bench.done("an answer", one.append("log", entries, fence, LONG_MS)))
      }
      bench.equal("as they were", appends.flat(), await read(bench, other))
    },
  },
  {
    id: "log.expiry",
    title: "a log expires as a whole, ttlMs after its last append, and another can begin",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      await fenced(bench, one)
      const append = (n: number, log = "log"): Promise<boolean> =>
        bench.done("an answer", one.append(log, n < 0 ? [] : [Uint8Array.of(n)], fence, 2500))
      await append(1)
      await append(1, "left")
      await bench.pass(1300)
      await append(2)
      await bench.pass(1500)
      bench.equal("the first entry, too", [Uint8Array.of(1), Uint8Array.of(2)], await read(bench, other))
      bench.equal("a log that was left alone", [], await read(bench, other, "left"))
      await append(-1)
      await bench.pass(1500)
      bench.equal("with an append of nothing", 2, (await read(bench, other)).length)
      await bench.pass(1500)
      bench.equal("after its time", [], await read(bench, other))
      await append(3)
      bench.equal("another log", [Uint8Array.of(3)], await read(bench, other))
    },
  },
  {
    id: "log.drop",
    title: "a dropped log has no entries, and another can begin",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      await fenced(bench, one)
      bench.equal("a log that never was", [], await read(bench, other))
      const append = (n: number): Promise<boolean> =>
        bench.done("an answer", one.append("log", [Uint8Array.of(n)], fence, LONG_MS))
      await append(1)
      await bench.done("an answer", other.drop("log"))
      bench.equal("dropped", [], await read(bench, one))
      bench.equal("added after that", true, await append(2))
      bench.equal("the entries", [Uint8Array.of(2)], await read(bench, other))
    },
  },
]
