import { type BackplaneLaw, pattern } from "./bench.ts"

const LONG_MS = 60_000

export const store: readonly BackplaneLaw[] = [
  {
    id: "store.compare",
    title: "a value changes only from what it is, and every end reads what it has become",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const change = (from: string | undefined, to: string | undefined): Promise<string | undefined> =>
        bench.done("an answer", one.compareAndSet("k", from, to, LONG_MS))
      const reads = (): Promise<string | undefined> => bench.done("an answer", other.read("k"))
      bench.equal("a key that is absent", undefined, await reads())
      bench.equal("a change from another value", undefined, await change("a", "b"))
      bench.equal("still absent", undefined, await reads())
      bench.equal("a first value", "a", await change(undefined, "a"))
      bench.equal("a second first value", "a", await change(undefined, "b"))
      bench.equal("a change from another value", "a", await change("x", "b"))
      bench.equal("a change", "b", await change("a", "b"))
      bench.equal("what others read", "b", await reads())
      bench.equal("a removal of another value", "b", await change("a", undefined))
      bench.equal("a removal", undefined, await change("b", undefined))
      bench.equal("absent again", undefined, await reads())
      bench.equal("a value after a removal", "c", await change(undefined, "c"))
    },
  },
  {
    id: "store.repeat",
    title: "a change that is repeated answers as the first time",
    prove: async (bench) => {
      const [one] = await bench.ends(1)
      const change = (from: string | undefined, to: string | undefined): Promise<string | undefined> =>
        bench.done("an answer", one.compareAndSet("k", from, to, LONG_MS))
      for (let n = 0; n < 2; n++) bench.equal("a first value", "a", await change(undefined, "a"))
      for (let n = 0; n < 2; n++) bench.equal("a change", "b", await change("a", "b"))
      for (let n = 0; n < 2; n++) bench.equal("a removal", undefined, await change("b", undefined))
    },
  },
  {
    id: "store.race",
    title: "of ends that change a value at once exactly one wins, and the others are told the winner's",
    prove: async (bench) => {
      const ends = await bench.ends(4)
      for (let round = 0; round < 10; round++) {
        const key = `k${round % 2}`
        const from = round < 2 ? undefined : await bench.done("an answer", ends[0].read(key))
        const seen = await bench.done(
          "answers",
          Promise.all(ends.map((end, n) => end.compareAndSet(key, from, `${round} by ${n}`, LONG_MS))),
        )
        const winner = await bench.done("an answer", ends[1].read(key))
        bench.equal(
          "the same for all",
          seen.map(() => winner),
          seen,
        )
        if (!winner?.startsWith(`${round} `)) bench.breaks("one of the changes made", `${winner}`)
      }
    },
  },
  {
    id: "store.count",
    title: "of counts that many ends add to at once none is lost",
    prove: async (bench) => {
      const ends = await bench.ends(4)
      const add = async (end: (typeof ends)[0], me: number): Promise<void> => {
        for (let added = 0, tries = 0; added < 5; tries++) {
          const from = await end.read("k")
          // With who and when, so that the value of another is not taken for one's own.
          const to = `${Number.parseInt(from ?? "0", 10) + 1} ${me} ${tries}`
          if ((await end.compareAndSet("k", from, to, LONG_MS)) === to) added++
        }
      }
      await bench.done("all added", Promise.all(ends.map(add)))
      const count = Number.parseInt((await bench.done("an answer", ends[0].read("k"))) ?? "", 10)
      bench.equal("the count", 20, count)
    },
  },
  {
    id: "store.expiry",
    title: "a value expires ttlMs after its last change, and then another can be first",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const set = (key: string, from: string | undefined, to: string, ttlMs: number): Promise<string | undefined> =>
        bench.done("an answer", one.compareAndSet(key, from, to, ttlMs))
      const read = (key: string): Promise<string | undefined> => bench.done("an answer", other.read(key))
      await set("short", undefined, "v", 1000)
      await set("renewed", undefined, "v", 2500)
      await set("long", undefined, "v", LONG_MS)
      bench.equal("at once", "v", await read("short"))
      await bench.pass(1300)
      bench.equal("after its time", undefined, await read("short"))
      await set("renewed", "v", "v", 2500)
      await bench.pass(1500)
      bench.equal("renewed in time", "v", await read("renewed"))
      bench.equal("one that lives long", "v", await read("long"))
      bench.equal("a first value", "w", await set("short", undefined, "w", LONG_MS))
      await bench.pass(2000)
      bench.equal("renewed, and then not", undefined, await read("renewed"))
    },
  },
  {
    id: "store.text",
    title: "values of every kind of text, empty or of 64 KiB, are kept unchanged",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const values = ["", "0", "null", " a\r\n\0b ", "é€😀", "\ufeff", '{"a":["\\u0000"]}', "x".repeat(65_536)]
      for (const [n, value] of values.entries()) {
        await bench.done("an answer", one.compareAndSet(`k${n}`, undefined, value, LONG_MS))
        bench.equal("as it was", value, await bench.done("an answer", other.read(`k${n}`)))
        bench.equal(
          "changed from it",
          "y",
          await bench.done("an answer", other.compareAndSet(`k${n}`, value, "y", LONG_MS)),
        )
      }
    },
  },
  {
    id: "lease.one",
    title: "of ends that take a lease at once one has it; it can renew it, and no other can take it",
    prove: async (bench) => {
      const ends = await bench.ends(4)
      for (let round = 0; round < 5; round++) {
        const key = `k${round}`
        const all = (): Promise<boolean[]> =>
          bench.done("answers", Promise.all(ends.map((end, n) => end.lease(key, `holder${n}`, LONG_MS))))
        const first = await all()
        bench.equal("one holder", 1, first.filter(Boolean).length)
        bench.equal("the same holder", first, await all())
      }
    },
  },
  {
    id: "lease.expiry",
    title: "a lease that is not renewed ends, and then another takes it; a renewed one goes on",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const lease = (end: typeof one, key: string, holder: string, ttlMs: number): Promise<boolean> =>
        bench.done("an answer", end.lease(key, holder, ttlMs))
      bench.equal("taken", [true, true], [await lease(one, "a", "one", 1000), await lease(one, "b", "one", 2500)])
      bench.equal("taken already", false, await lease(other, "a", "other", LONG_MS))
      await bench.pass(1300)
      bench.equal("taken over", true, await lease(other, "a", "other", LONG_MS))
      bench.equal("renewed too late", false, await lease(one, "a", "one", 1000))
      bench.equal("renewed in time", true, await lease(one, "b", "one", 2500))
      await bench.pass(1500)
      bench.equal("renewed by its holder", false, await lease(other, "b", "other", LONG_MS))
    },
  },
  {
    id: "lease.release",
    title: "a released lease is free at once, and a stranger cannot release it",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const take = (holder: string): Promise<boolean> => bench.done("an answer", other.lease("k", holder, LONG_MS))
      await bench.done("an answer", other.release("k", "nobody"))
      await take("one")
      await bench.done("an answer", other.release("k", "other"))
      bench.equal("released by a stranger", false, await take("other"))
      await bench.done("an answer", one.release("k", "one"))
      bench.equal("released by its holder", true, await take("other"))
    },
  },
  {
    id: "lease.apart",
    title: "a lease, a value and a log of one name have nothing to do with each other",
    prove: async (bench) => {
      const [one] = await bench.ends(1)
      await bench.done("an answer", one.compareAndSet("k", undefined, "v", LONG_MS))
      bench.equal("a lease", true, await bench.done("an answer", one.lease("k", "h", LONG_MS)))
      const fence = { key: "k", value: "v" }
      bench.equal("an append", true, await bench.done("an answer", one.append("k", [pattern(1)], fence, LONG_MS)))
      await bench.done("an answer", one.release("k", "h"))
      bench.equal("the value", "v", await bench.done("an answer", one.read("k")))
      bench.equal("the log", [pattern(1)], await bench.done("an answer", one.entries("k")))
    },
  },
]
