import { type BackplaneLaw, pattern } from "./bench.ts"

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n & 255)

/** A message whose first byte is its number. */
const numbered = (n: number): Uint8Array => Uint8Array.of(n & 255, 1, 2, 3)

/** Of messages that must not come: how long a law waits for them, in milliseconds. */
const QUIET_MS = 300

export const bus: readonly BackplaneLaw[] = [
  {
    id: "bus.order",
    title: "what one end publishes is heard once and in its order, whatever the topics",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const topics = ["a", "b", "c:d", "e/f", "g.h"]
      const heard: number[] = []
      for (const topic of topics) await bench.hears(other, topic, heard)
      for (let n = 0; n < 1000; n++) {
        one.publish(topics[(n * 7) % 5] ?? "", numbered(n))
        if (n % 100 === 99) await bench.pass(1)
      }
      await bench.until(
        "1000 messages",
        () => heard.length >= 1000,
        () => heard.length,
      )
      await bench.pass(QUIET_MS)
      bench.equal("in order", upTo(1000), heard)
    },
  },
  {
    id: "bus.crossing",
    title: "what two ends publish at once keeps the order of each",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const heard: [number, number][] = []
      await bench.done(
        "a subscription in force",
        one.subscribe("t", (data) => void heard.push([data[0] ?? -1, data[1] ?? -1])),
      )
      for (let n = 0; n < 200; n++) {
        one.publish("t", Uint8Array.of(1, n))
        other.publish("t", Uint8Array.of(2, n))
      }
      await bench.until(
        "400 messages",
        () => heard.length >= 400,
        () => heard.length,
      )
      for (const from of [1, 2]) {
        const numbers = heard.filter(([who]) => who === from).map(([, n]) => n)
        bench.equal("in order", upTo(200), numbers)
      }
    },
  },
  {
    id: "bus.own",
    title: "an end hears what it publishes itself, and not before the call has returned",
    prove: async (bench) => {
      const [end] = await bench.ends(1)
      const heard = await bench.hears(end, "t")
      end.publish("t", numbered(1))
      bench.equal("heard inside of the call", [], heard)
      await bench.until(
        "its own message",
        () => heard.length > 0,
        () => heard,
      )
    },
  },
  {
    id: "bus.everybody",
    title: "every subscriber of every end hears a message, and hears its topic alone",
    prove: async (bench) => {
      const [one, other, third = one] = await bench.ends(3)
      const lists = [
        await bench.hears(other, "t"),
        await bench.hears(other, "t"),
        await bench.hears(third, "t"),
        await bench.hears(third, "t:u"),
        await bench.hears(other, "T"),
      ]
      one.publish("t", numbered(1))
      one.publish("t:u", numbered(2))
      one.publish("t", numbered(3))
      await bench.until(
        "the messages",
        () => lists.flat().length >= 7,
        () => lists,
      )
      await bench.pass(QUIET_MS)
      bench.equal("heard", [[1, 3], [1, 3], [1, 3], [2], []], lists)
    },
  },
  {
    id: "bus.in-force",
    title: "a subscription is in force when its promise resolves",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      for (let n = 0; n < 30; n++) {
        const heard = await bench.hears(other, `t${n}`)
        one.publish(`t${n}`, numbered(n))
        await bench.until(
          "the first message after it",
          () => heard.length > 0,
          () => heard,
        )
      }
    },
  },
  {
    id: "bus.second",
    title: "a second subscription to a topic is in force when its promise resolves",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const both: number[][] = [[], []]
      const subscribed = both.map((heard) => other.subscribe("t", (data) => void heard.push(data[0] ?? -1)))
      await bench.done("both in force", Promise.all(subscribed))
      one.publish("t", numbered(1))
      await bench.until(
        "one message each",
        () => both.flat().length >= 2,
        () => both,
      )
    },
  },
  {
    id: "bus.unsubscribe",
    title: "a subscription that was ended hears nothing more, not even what is on its way; others go on",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const kept = await bench.hears(other, "t")
      const heard: number[] = []
      const end = await bench.done(
        "a subscription in force",
        other.subscribe("t", (data) => {
          heard.push(data[0] ?? -1)
          if (heard.length === 1) end()
        }),
      )
      for (let n = 0; n < 20; n++) one.publish("t", numbered(n))
      await bench.until(
        "20 messages",
        () => kept.length >= 20,
        () => kept,
      )
      bench.equal("heard by the one that was ended", [0], heard)
      end()
      one.publish("t", numbered(20))
      await bench.until(
        "one message more",
        () => kept.length >= 21,
        () => kept,
      )
    },
  },
  {
    id: "bus.again",
    title: "a topic can be subscribed to again at once",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      for (let n = 0; n < 20; n++) {
        const heard: number[] = []
        const end = await bench.done(
          "a subscription in force",
          other.subscribe("t", (data) => void heard.push(data[0] ?? -1)),
        )
        one.publish("t", numbered(n))
        await bench.until(
          "a message",
          () => heard.includes(n),
          () => heard,
        )
        end()
      }
    },
  },
  {
    id: "bus.bytes",
    title: "every value of a byte crosses unchanged, and so do no bytes and a view on a larger buffer",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const heard: Uint8Array[] = []
      await bench.done(
        "a subscription in force",
        other.subscribe("t", (data) => void heard.push(Uint8Array.from(data))),
      )
      const all = Uint8Array.from({ length: 256 }, (_, n) => n)
      const sent = [all, all.toReversed(), new Uint8Array(), all.subarray(100, 110), Uint8Array.of(13, 10, 0, 36)]
      for (const data of sent) one.publish("t", data)
      await bench.until(
        "all messages",
        () => heard.length >= sent.length,
        () => heard,
      )
      bench.equal("as they were", sent, heard)
    },
  },
  {
    id: "bus.large",
    title: "1 MiB arrives whole, and a small message does not overtake it",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const heard: Uint8Array[] = []
      for (const topic of ["large", "small"]) {
        await bench.done(
          "a subscription in force",
          other.subscribe(topic, (data) => void heard.push(Uint8Array.from(data))),
        )
      }
      const sent = [pattern(2 ** 20), numbered(1), pattern(2 ** 20 + 1), numbered(2)]
      for (const data of sent) one.publish(data.length > 4 ? "large" : "small", data)
      await bench.until(
        "all messages",
        () => heard.length >= sent.length,
        () => heard,
      )
      bench.equal("as they were", sent, heard)
    },
  },
  {
    id: "bus.throws",
    title: "a subscriber that throws does not stop the others, or the bus",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const first = other.subscribe("t", () => {
        throw new Error("thrown by a subscriber of the law bus.throws")
      })
      await bench.done("a subscription in force", first)
      const heard = await bench.hears(other, "t")
      for (let n = 0; n < 3; n++) one.publish("t", numbered(n))
      await bench.until(
        "all messages",
        () => heard.length >= 3,
        () => heard,
      )
    },
  },
  {
    id: "bus.names",
    title: "a topic of 200 characters, and every character that is allowed, is carried",
    prove: async (bench) => {
      const [one, other] = await bench.ends(2)
      const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:/="
      for (const topic of [signs, signs.repeat(3).slice(0, 200), "..", ".a.", "="]) {
        const heard = await bench.hears(other, topic)
        one.publish(topic, numbered(1))
        await bench.until(
          `a message on ${topic}`,
          () => heard.length > 0,
          () => heard,
        )
      }
    },
  },
]
