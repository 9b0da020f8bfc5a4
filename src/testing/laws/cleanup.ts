import type { Bench } from "./bench.ts"
import type { LawDefinition } from "./law.ts"
import { notes } from "./packets.ts"
import type { Seat } from "./subject.ts"

/** How long a link may keep resources after its end, in milliseconds: for a late poll or for a closing handshake. */
const LINGER_MS = 6_000

/** The ways in which a link can end. After each of them all resources must be released. */
const endings: readonly {
  id: string
  title: string
  needs?: LawDefinition["needs"]
  end: (bench: Bench) => Promise<void>
}[] = [
  {
    id: "channel-close",
    title: "a link that the channel closed",
    async end(bench) {
      const { channel, hub } = await bench.connect()
      channel.sendEach(notes(5))
      channel.close()
      await bench.isTold(hub)
    },
  },
  {
    id: "hub-close",
    title: "a link that the hub closed",
    async end(bench) {
      const { channel, hub } = await bench.connect()
      hub.sendEach(notes(5))
      hub.close()
      await bench.isTold(channel)
    },
  },
  {
    id: "before-open",
    title: "a dial that was cancelled at once",
    async end(bench) {
      bench.hail().close()
      await bench.settle()
      for (const hub of bench.admitted) hub.close()
    },
  },
  {
    id: "refusal",
    title: "a link whose hello the hub refused",
    async end(bench) {
      bench.receive = (hub) => {
        hub.onOpening = () => {
          hub.send("bye")
          hub.close()
        }
      }
      await bench.isTold(bench.hail())
    },
  },
  {
    id: "break",
    title: "a link whose connection broke, and which both ends then gave up",
    needs: ["sever"],
    async end(bench) {
      const { channel, hub } = await bench.connect()
      await bench.rig.sever?.()
      channel.send("m")
      await bench.settle()
      channel.close()
      hub.close()
    },
  },
  {
    id: "unreachable",
    title: "a dial that reached nobody",
    needs: ["vanish", "noticesVanishedHub"],
    async end(bench) {
      await bench.rig.vanish?.("hub")
      await bench.isTold(bench.hail())
    },
  },
]

/** Laws on cleanup: a link releases its timers, sockets, requests and listeners. */
export const cleanup: readonly LawDefinition[] = [
  ...endings.flatMap(({ id, title, needs = [], end }): LawDefinition[] => [
    {
      id: `cleanup.timers-${id}`,
      title: `${title} leaves no timer`,
      needs,
      async prove(bench) {
        await end(bench)
        await noTimers(bench)
      },
    },
    {
      id: `cleanup.held-${id}`,
      title: `${title} holds no socket, request or listener`,
      needs,
      async prove(bench) {
        await end(bench)
        await nothingHeld(bench)
      },
    },
  ]),
  {
    id: "cleanup.many",
    title: "twenty links, closed from either end, leave no more than one",
    async prove(bench) {
      for (let round = 0; round < 4; round++) {
        const pairs = await Promise.all(Array.from({ length: 5 }, () => bench.connect()))
        for (const [index, { channel, hub }] of pairs.entries()) {
          if (index % 2 === 0) channel.close()
          else hub.close()
        }
      }
      await nothingHeld(bench)
      await noTimers(bench)
    },
  },
  {
    id: "cleanup.teardown",
    title: "when the acceptor is closed after its links, nothing at all is left",
    async prove(bench) {
      const pairs = [await bench.connect(), await bench.connect()]
      for (const { hub } of pairs) hub.close()
      for (const { channel } of pairs) await bench.isTold(channel)
      await bench.rig.teardown()
      await nothingHeld(bench)
      await noTimers(bench)
    },
  },
]

async function noTimers(bench: Bench): Promise<void> {
  const left = (): string[] =>
    (["channel", "hub"] as const).flatMap((seat: Seat) =>
      bench.timers[seat].timers.map((timer) => `${timer} at the ${seat}`),
    )
  const limitMs = LINGER_MS
  await bench.until(
    () => left().length === 0,
    `no timer ${limitMs} ms after the end`,
    () => left().join(", "),
    limitMs,
  )
}

async function nothingHeld(bench: Bench): Promise<void> {
  await bench.until(
    () => bench.rig.leftovers().length === 0,
    "nothing left of the link",
    () => bench.rig.leftovers().join(", "),
    LINGER_MS,
  )
}
