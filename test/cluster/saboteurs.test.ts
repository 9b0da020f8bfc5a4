import { type Backplane, backplaneLaws, LawBroken } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { memorySubject } from "./rigs/memory.ts"

type Override = (end: Backplane) => Partial<Backplane>

/** The methods of an end, bound to it, with some of them replaced. */
function over(end: Backplane, override: Override): Backplane {
  const bound = (name: Exclude<keyof Backplane, "will">) => end[name].bind(end)
  const names = [
    "publish",
    "subscribe",
    "read",
    "compareAndSet",
    "lease",
    "release",
    "append",
    "entries",
    "drop",
  ] as const
  const all = [...names, "onConnected", "close"] as const
  return {
    ...Object.fromEntries(all.map((name) => [name, bound(name)])),
    will: end.will,
    ...override(end),
  } as unknown as Backplane
}

/** Keeps one message back until the next one has gone. */
const swaps =
  (at: number): Override =>
  (end) => {
    let count = 0
    let kept: [string, Uint8Array] | undefined
    return {
      publish: (topic, data) => {
        if (++count === at) {
          kept = [topic, data]
          return
        }
        end.publish(topic, data)
        if (kept) end.publish(...kept)
        kept = undefined
      },
    }
  }

/** Changes a value whatever has come between its reading and its writing. */
const inTwoSteps: Override = (end) => ({
  compareAndSet: async (key, from, to, ttlMs) => {
    const value = await end.read(key)
    if (value !== from) return value
    while ((await end.compareAndSet(key, await end.read(key), to, ttlMs)) !== to);
    return to
  },
})

const lives =
  (times: number): Override =>
  (end) => ({
    compareAndSet: (key, from, to, ttlMs) => end.compareAndSet(key, from, to, ttlMs * times),
    lease: (key, holder, ttlMs) => end.lease(key, holder, ttlMs * times),
    append: (log, entries, fence, ttlMs) => end.append(log, entries, fence, ttlMs * times),
  })

const saboteurs: readonly { readonly law: string; readonly wrong: string; readonly override: Override }[] = [
  { law: "bus.order", wrong: "lets the 700th message be overtaken", override: swaps(700) },
  { law: "bus.crossing", wrong: "lets the 150th message be overtaken", override: swaps(150) },
  {
    law: "bus.own",
    wrong: "calls its own subscribers inside of publish",
    override: (end) => {
      const own: ((data: Uint8Array) => void)[] = []
      return {
        publish: (topic, data) => {
          for (const hear of own) hear(data)
          end.publish(topic, data)
        },
        subscribe: (topic, hear) => {
          own.push(hear)
          return end.subscribe(topic, () => {})
        },
      }
    },
  },
  {
    law: "bus.everybody",
    wrong: "takes capitals for small letters",
    override: (end) => ({
      publish: (topic, data) => end.publish(topic.toLowerCase(), data),
      subscribe: (topic, hear) => end.subscribe(topic.toLowerCase(), hear),
    }),
  },
  {
    law: "bus.in-force",
    wrong: "resolves before a subscription is in force",
    override: (end) => ({
      subscribe: async (topic, hear) => {
        const subscribed = end.subscribe(topic, hear)
        return () => void subscribed.then((stop) => stop())
      },
    }),
  },
  {
    law: "bus.second",
    wrong: "has one subscriber for each topic",
    override: (end) => {
      const topics = new Set<string>()
      return {
        subscribe: async (topic, hear) => {
          if (topics.has(topic)) return () => {}
          topics.add(topic)
          return end.subscribe(topic, hear)
        },
      }
    },
  },
  {
    law: "bus.unsubscribe",
    wrong: "delivers what was on its way",
    override: (end) => ({
      subscribe: async (topic, hear) => {
        const stop = await end.subscribe(topic, hear)
        let calls = 0
        return () => void (++calls > 1 && stop())
      },
    }),
  },
  {
    law: "bus.again",
    wrong: "cannot subscribe to a topic that was left",
    override: (end) => {
      const left = new Set<string>()
      return {
        subscribe: async (topic, hear) => {
          const stop = await end.subscribe(topic, left.has(topic) ? () => {} : hear)
          return () => {
            left.add(topic)
            stop()
          }
        },
      }
    },
  },
  {
    law: "bus.bytes",
    wrong: "sends the buffer behind a view",
    override: (end) => ({ publish: (topic, data) => end.publish(topic, new Uint8Array(data.buffer)) }),
  },
  {
    law: "bus.large",
    wrong: "cuts off what is beyond 1 MiB",
    override: (end) => ({ publish: (topic, data) => end.publish(topic, data.subarray(0, 2 ** 20)) }),
  },
  {
    law: "bus.throws",
    wrong: "goes deaf when a subscriber throws",
    override: (end) => {
      let isDeaf = false
      return {
        subscribe: (topic, hear) =>
          end.subscribe(topic, (data) => {
            if (isDeaf) return
            isDeaf = true
            hear(data)
            isDeaf = false
          }),
      }
    },
  },
  {
    law: "bus.names",
    wrong: "cuts long topics off",
    override: (end) => ({ publish: (topic, data) => end.publish(topic.slice(0, 199), data) }),
  },
  {
    law: "store.compare",
    wrong: "does not compare",
    override: (end) => ({
      compareAndSet: async (key, _, to, ttlMs) => end.compareAndSet(key, await end.read(key), to, ttlMs),
    }),
  },
  {
    law: "store.repeat",
    wrong: "refuses a change that it has made already",
    override: (end) => ({
      compareAndSet: async (key, from, to, ttlMs) =>
        (await end.read(key)) === from ? end.compareAndSet(key, from, to, ttlMs) : "somebody else's",
    }),
  },
  { law: "store.race", wrong: "reads and writes in two steps", override: inTwoSteps },
  { law: "store.count", wrong: "reads and writes in two steps", override: inTwoSteps },
  { law: "store.expiry", wrong: "lets values live ten times as long", override: lives(10) },
  {
    law: "store.text",
    wrong: "drops a byte order mark",
    override: (end) => ({ read: async (key) => (await end.read(key))?.replace(/^\ufeff/, "") }),
  },
  { law: "lease.one", wrong: "gives a lease to all", override: () => ({ lease: async () => true }) },
  { law: "lease.expiry", wrong: "lets leases live ten times as long", override: lives(10) },
  {
    law: "lease.release",
    wrong: "releases for a stranger",
    override: (end) => ({ release: (key) => end.release(key, "one") }),
  },
  {
    law: "lease.apart",
    wrong: "keeps leases among the values",
    override: (end) => ({
      lease: async (key, holder, ttlMs) => (await end.compareAndSet(key, undefined, holder, ttlMs)) === holder,
    }),
  },
  {
    law: "log.fence",
    wrong: "does not look at the fence's value",
    override: (end) => ({
      append: async (log, entries, { key }, ttlMs) =>
        end.append(log, entries, { key, value: (await end.read(key)) ?? "" }, ttlMs),
    }),
  },
  {
    law: "log.stale",
    wrong: "looks at the fence first, and appends later",
    override: (end) => ({
      append: async (log, entries, { key, value }, ttlMs) => {
        if ((await end.read(key)) !== value) return false
        for (let n = 0; n < 5; n++) await end.read("later")
        return end.append(log, entries, { key, value: (await end.read(key)) ?? "" }, ttlMs)
      },
    }),
  },
  {
    law: "log.order",
    wrong: "appends one entry after another",
    override: (end) => ({
      append: async (log, entries, fence, ttlMs) => {
        for (const entry of entries) await end.append(log, [entry], fence, ttlMs)
        return true
      },
    }),
  },
  {
    law: "log.bytes",
    wrong: "leaves empty entries out",
    override: (end) => ({ entries: async (log) => (await end.entries(log)).filter(({ length }) => length > 0) }),
  },
  { law: "log.expiry", wrong: "lets logs live ten times as long", override: lives(10) },
  { law: "log.drop", wrong: "drops nothing", override: () => ({ drop: async () => {} }) },
  { law: "connection.told", wrong: "tells nobody", override: () => ({ onConnected: () => () => {} }) },
  {
    law: "connection.subscriptions",
    wrong: "forgets its subscriptions with the connection",
    override: (end) => {
      let isLost = false
      end.onConnected(() => {
        isLost = true
      })
      return { subscribe: (topic, hear) => end.subscribe(topic, (data) => void (isLost || hear(data))) }
    },
  },
  {
    law: "connection.coded",
    wrong: "rejects without a code",
    override: (end) => ({
      read: (key) =>
        end.read(key).catch(() => {
          throw new Error("no")
        }),
    }),
  },
  {
    law: "connection.order",
    wrong: "sends again what was published before the connection was lost",
    override: (end) => {
      let last: [string, Uint8Array][] = []
      end.onConnected((isConnected) => {
        if (isConnected) for (const message of last) end.publish(...message)
      })
      return {
        publish: (topic, data) => {
          last = [...last, [topic, data] satisfies [string, Uint8Array]].slice(-40)
          end.publish(topic, data)
        },
      }
    },
  },
  {
    law: "connection.alone",
    wrong: "throws when it cannot publish",
    override: (end) => {
      let isLost = false
      end.onConnected((isConnected) => {
        isLost = !isConnected
      })
      return {
        publish: (topic, data) => {
          if (isLost) throw new LawBroken("connection.alone", "no throw", "a throw")
          end.publish(topic, data)
        },
      }
    },
  },
  {
    law: "connection.will",
    wrong: "takes a lost connection for the end of the process",
    override: (end) => ({
      will: (topic, data) => end.onConnected((isConnected) => isConnected && end.publish(topic, data)),
    }),
  },
  {
    law: "connection.will",
    wrong: "publishes what was taken back",
    override: (end) => ({
      will: (topic, data) => {
        end.will?.(topic, data)
        return () => {}
      },
    }),
  },
  { law: "connection.close", wrong: "goes on after its close", override: () => ({ close: async () => {} }) },
  {
    law: "misuse.names",
    wrong: "takes a topic with a space",
    override: (end) => ({ publish: (topic, data) => end.publish(topic.replace(" ", "_"), data) }),
  },
  {
    law: "misuse.closed",
    wrong: "reads after its close",
    override: (end) => ({ read: (key) => end.read(key).catch(() => undefined) }),
  },
]

const lawsOf = (override: Override = () => ({})) =>
  backplaneLaws(memorySubject("changed", (end) => over(end, override)))

it("every law of backplanes has a saboteur, and every saboteur a law", () => {
  expect([...new Set(saboteurs.map(({ law }) => law))]).toEqual(lawsOf().map(({ id }) => id))
})

describe("the laws detect a backplane that", () => {
  for (const { law, wrong, override } of saboteurs) {
    it(`${wrong} (${law})`, async () => {
      const run = lawsOf(override).find(({ id }) => id === law)?.run
      await expect(run?.()).rejects.toBeInstanceOf(LawBroken)
    })
  }
})
