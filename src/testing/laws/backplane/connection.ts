import type { Backplane } from "../../../cluster/backplane.ts"
import { type BackplaneBench, type BackplaneLaw, codeOf, shown } from "./bench.ts"

const LONG_MS = 60_000

async function cut(bench: BackplaneBench, end: Backplane): Promise<void> {
  await bench.done("a cut", Promise.resolve(bench.rig.cut?.(end)))
}

async function mend(bench: BackplaneBench, end: Backplane): Promise<void> {
  await bench.done("an end of the cut", Promise.resolve(bench.rig.mend?.(end)))
}

/** What an end is told of its connection. */
function told(end: Backplane): boolean[] {
  const list: boolean[] = []
  end.onConnected((isConnected) => list.push(isConnected))
  return list
}

export const connections: readonly BackplaneLaw[] = [
  {
    id: "connection.told",
    title: "an end is told that its connection is lost, and that it is there again; the others are told nothing",
    cuts: true,
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const [here, there] = [told(one), told(other)]
      await cut(bench, one)
      await bench.until(
        "false",
        () => here.length > 0,
        () => here,
      )
      await mend(bench, one)
      await bench.until(
        "false, then true",
        () => here.length > 1,
        () => here,
      )
      bench.equal("told", [[false, true], []], [here, there])
    },
  },
  {
    id: "connection.subscriptions",
    title: "subscriptions outlive a lost connection, and are in force when it is told to be there again",
    cuts: true,
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const heard = await bench.hears(one, "t")
      const here = told(one)
      await cut(bench, one)
      await bench.until(
        "false",
        () => here.length > 0,
        () => here,
      )
      await mend(bench, one)
      await bench.until(
        "true",
        () => here.at(-1) === true,
        () => here,
      )
      other.publish("t", Uint8Array.of(1))
      one.publish("t", Uint8Array.of(2))
      await bench.until(
        "a message of each end",
        () => heard.length >= 2,
        () => heard,
      )
    },
  },
  {
    id: "connection.coded",
    title: "calls of the store reject with backplane-unavailable while it cannot be reached, and work again after",
    cuts: true,
    prove: async (bench) => {
      const [one] = await bench.ends(1)
      const here = told(one)
      await bench.done("an answer", one.compareAndSet("k", undefined, "v", LONG_MS))
      await cut(bench, one)
      await bench.until(
        "false",
        () => here.length > 0,
        () => here,
      )
      const calls = [
        one.read("k"),
        one.compareAndSet("k", "v", "w", LONG_MS),
        one.lease("k", "h", LONG_MS),
        one.append("l", [], { key: "k", value: "v" }, LONG_MS),
        one.entries("l"),
      ]
      const codes = await bench.done("rejections", Promise.all(calls.map(codeOf)))
      bench.equal(
        "codes",
        calls.map(() => "backplane-unavailable"),
        codes,
      )
      await mend(bench, one)
      await bench.until(
        "true",
        () => here.at(-1) === true,
        () => here,
      )
      const value = await bench.done("an answer", one.read("k"))
      if (value !== "v" && value !== "w") bench.breaks("the value", shown(value))
    },
  },
  {
    id: "connection.order",
    title: "over a lost connection messages may be lost, and none comes twice or in another order",
    cuts: true,
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const heard = await bench.hears(other, "t")
      const own = await bench.hears(one, "t")
      const here = told(one)
      let n = 0
      const publish = async (count: number): Promise<void> => {
        for (let sent = 0; sent < count; sent++) {
          one.publish("t", Uint8Array.of(n++))
          if (sent % 5 === 0) await bench.pass(1)
        }
      }
      for (let round = 0; round < 2; round++) {
        await publish(30)
        await cut(bench, one)
        await publish(30)
        await bench.until(
          "false",
          () => here.length > round * 2,
          () => here,
        )
        await mend(bench, one)
        await publish(10)
        await bench.until(
          "true",
          () => here.length > round * 2 + 1,
          () => here,
        )
        await publish(10)
      }
      const last = n - 1
      await bench.until(
        "the last message",
        () => heard.at(-1) === last && own.at(-1) === last,
        () => [heard, own],
      )
      for (const list of [heard, own]) {
        const wrong = list.findIndex((number, at) => at > 0 && number <= (list[at - 1] ?? -1))
        if (wrong >= 0) bench.breaks("rising numbers", `${list[wrong]} after ${list[wrong - 1]}`)
      }
    },
  },
  {
    id: "connection.alone",
    title: "an end that is cut off does not disturb the others, and may publish",
    cuts: true,
    prove: async (bench) => {
      const [one, other, third = other] = await bench.ends(3)
      const heard = await bench.hears(third, "t")
      const here = told(one)
      await cut(bench, one)
      await bench.until(
        "false",
        () => here.length > 0,
        () => here,
      )
      one.publish("t", Uint8Array.of(9))
      for (let n = 0; n < 20; n++) other.publish("t", Uint8Array.of(n))
      await bench.until(
        "20 messages",
        () => heard.filter((n) => n !== 9 || heard.length > 20).length >= 19,
        () => heard,
      )
      await bench.done("an answer", other.compareAndSet("k", undefined, "v", LONG_MS))
      bench.equal("the store", "v", await bench.done("an answer", third.read("k")))
    },
  },
  {
    id: "connection.will",
    title: "what an end has left for the end of its process is not published because its connection was lost",
    cuts: true,
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const heard = await bench.hears(other, "w")
      const here = told(one)
      one.will?.("w", Uint8Array.of(1))
      const takeBack = one.will?.("w", Uint8Array.of(2))
      await cut(bench, one)
      await bench.until(
        "false",
        () => here.length > 0,
        () => here,
      )
      await mend(bench, one)
      await bench.until(
        "true",
        () => here.at(-1) === true,
        () => here,
      )
      takeBack?.()
      one.publish("w", Uint8Array.of(0))
      await bench.pass(500)
      bench.equal("heard", [0], heard)
      if (one.will === undefined || bench.rig.kill === undefined) return
      await bench.done("a death", bench.rig.kill(one))
      await bench.pass(500)
      bench.equal("heard after the death", [0, 1], heard)
    },
  },
  {
    id: "connection.close",
    title: "a closed end hears nothing more, the others go on, and what it still asked for is settled",
    prove: async (bench) => {
      const [one, other, third = other] = await bench.ends(3)
      const [heard, kept] = [await bench.hears(one, "t"), await bench.hears(other, "t")]
      const asked = one.read("k").then(
        () => "a value",
        (error: unknown) => (Object(error) as { code?: unknown }).code,
      )
      third.publish("t", Uint8Array.of(1))
      await bench.done("a close", one.close())
      const length = heard.length
      third.publish("t", Uint8Array.of(2))
      await bench.until(
        "two messages",
        () => kept.length >= 2,
        () => kept,
      )
      await bench.pass(100)
      bench.equal("heard after the close", 0, heard.length - length)
      const outcome = await bench.done("a call settled", asked)
      if (outcome !== "a value" && outcome !== "backplane-unavailable") bench.breaks("a code", shown(outcome))
      await bench.done("a second close", one.close())
    },
  },
  {
    id: "misuse.names",
    title: "names, values and lifetimes beyond the bounds are misuse",
    prove: async (bench) => {
      const [one] = await bench.ends(1)
      const fence = { key: "k", value: "v" }
      for (const name of ["", "x".repeat(201), "a b", "a*", "a>", "a\n", "é", "{a}"]) {
        const codes = [
          thrown(() => one.publish(name, new Uint8Array())),
          await bench.code(
            "a rejection",
            one.subscribe(name, () => {}),
          ),
          await bench.code("a rejection", one.read(name)),
          await bench.code("a rejection", one.compareAndSet(name, undefined, "v", 1000)),
          await bench.code("a rejection", one.lease(name, "h", 1000)),
          await bench.code("a rejection", one.lease("k", name, 1000)),
          await bench.code("a rejection", one.release(name, "h")),
          await bench.code("a rejection", one.append(name, [], fence, 1000)),
          await bench.code("a rejection", one.append("l", [], { key: name, value: "v" }, 1000)),
          await bench.code("a rejection", one.entries(name)),
          await bench.code("a rejection", one.drop(name)),
        ]
        bench.equal(
          `codes for ${shown(name)}`,
          codes.map(() => "misuse"),
          codes,
        )
      }
      for (const ttlMs of [0, -1, Number.NaN, 2 ** 31]) {
        const codes = [
          await bench.code("a rejection", one.compareAndSet("k", undefined, "v", ttlMs)),
          await bench.code("a rejection", one.lease("k", "h", ttlMs)),
          await bench.code("a rejection", one.append("l", [], fence, ttlMs)),
        ]
        bench.equal(
          `codes for ${ttlMs} ms`,
          codes.map(() => "misuse"),
          codes,
        )
      }
      const large = "é".repeat(32_769)
      bench.equal("code", "misuse", await bench.code("a rejection", one.compareAndSet("k", undefined, large, 1000)))
    },
  },
  {
    id: "misuse.closed",
    title: "a call after close is misuse",
    prove: async (bench) => {
      const [one] = await bench.ends(1)
      await bench.done("a close", one.close())
      const codes = [
        thrown(() => one.publish("t", new Uint8Array())),
        thrown(() => one.onConnected(() => {})),
        await bench.code(
          "a rejection",
          one.subscribe("t", () => {}),
        ),
        await bench.code("a rejection", one.read("k")),
        await bench.code("a rejection", one.entries("l")),
      ]
      bench.equal(
        "codes",
        codes.map(() => "misuse"),
        codes,
      )
    },
  },
]

function thrown(run: () => unknown): unknown {
  try {
    run()
    return "nothing thrown"
  } catch (error) {
    return (Object(error) as { code?: unknown }).code
  }
}
