import { connect } from "@nats-io/transport-node"
import { createClient } from "redis"
import { describe, expect, it } from "vitest"
import { passUntil } from "../../cluster/rigs/real-time.ts"
import { has, miss } from "../../cluster/rigs/servers.ts"
import { wires } from "../../support/exactly-once.ts"
import { forMs } from "../../support/journey.ts"
import { expectHonest, type Outcome } from "../../support/real-cluster/judge.ts"
import { type RealCluster, startRealCluster, stores } from "../../support/real-cluster/real-cluster.ts"
import { Talk } from "../../support/real-cluster/talk.ts"

/** How long messages flow before a fault, and after it, in milliseconds. */
const BEFORE_MS = 2_000
const AFTER_MS = 4_000

const perfect: Outcome = { resets: 0, uncertain: 0, lostDown: 0 }

interface Fault {
  readonly fault: string
  readonly on?: readonly string[]
  strike(cluster: RealCluster, talks: readonly Talk[]): Promise<void>
  /** Whether sessions may end. Default: none may. */
  readonly mayEnd?: (talk: Talk, owner: string | undefined, struck: string | undefined) => boolean
}

/** The first process is the one that is struck. */
const struckOf = (cluster: RealCluster) => {
  const [process] = cluster.processes
  if (process === undefined) throw new Error("no process")
  return process
}

const ofStruck = (_talk: Talk, owner: string | undefined, struck: string | undefined): boolean => owner === struck

const faults: readonly Fault[] = [
  {
    fault: "the store is killed and started again after 2 s",
    on: ["redis", "nats"],
    async strike({ server }) {
      await server?.kill()
      await forMs(2_000)
      await server?.start()
    },
  },
  {
    fault: "the store stands still for 8 s",
    on: ["redis", "nats"],
    async strike({ server }) {
      server?.pause()
      await forMs(8_000)
      server?.resume()
    },
  },
  {
    fault: "the way to the store takes 400 ms each way for 6 s",
    async strike({ processes }) {
      for (const { line } of processes) line.delay(400)
      await forMs(6_000)
      for (const { line } of processes) line.delay(0)
    },
  },
  {
    fault: "one process is cut off from the store for 2 s",
    async strike(cluster) {
      const { line } = struckOf(cluster)
      line.cut()
      await forMs(2_000)
      line.mend()
    },
  },
  {
    fault: "one process is cut off for 10 s, so that it and the others take each other for dead",
    async strike(cluster) {
      const { line } = struckOf(cluster)
      line.cut()
      await forMs(10_000)
      line.mend()
    },
    mayEnd: ofStruck,
  },
  {
    fault: "one process hears and says nothing to the others for 10 s, and is not told",
    async strike(cluster) {
      const { line } = struckOf(cluster)
      line.hold(true)
      await forMs(10_000)
      line.hold(false)
    },
    mayEnd: ofStruck,
  },
  {
    fault: "one process is killed, and another takes its place",
    async strike(cluster) {
      cluster.balancer.leaveOut(0)
      await struckOf(cluster).kill()
      await cluster.start(0)
    },
    mayEnd: ofStruck,
  },
  {
    fault: "one process is stopped for 2 s",
    async strike(cluster) {
      struckOf(cluster).signal("SIGSTOP")
      await forMs(2_000)
      struckOf(cluster).signal("SIGCONT")
    },
  },
  {
    fault: "one process is stopped for 10 s, and goes on when the others have taken it for dead",
    async strike(cluster) {
      cluster.balancer.leaveOut(0)
      struckOf(cluster).signal("SIGSTOP")
      await forMs(10_000)
      struckOf(cluster).signal("SIGCONT")
      cluster.balancer.bringBack(0, struckOf(cluster).port)
    },
    mayEnd: ofStruck,
  },
]

miss("redis-server")
miss("nats-server")
describe.each(stores.filter((store) => store === "processes" || has(`${store}-server`)))("over %s", (store) => {
  describe.each(faults.filter(({ on }) => on?.includes(store) !== false))(
    "while $fault",
    ({ strike, mayEnd, fault }) => {
      it("no message comes twice or out of order, none is lost without a word, and all go on by themselves", async ({
        onTestFinished,
      }) => {
        const cluster = await startRealCluster({ store, count: 3, perSecond: 100 })
        const talks = [...wires.slice(0, 4), ...wires.slice(0, 2)].map(
          ({ transports }) => new Talk(cluster, { transports }, undefined, 100),
        )
        onTestFinished(async () => {
          for (const talk of talks) await talk.close()
          await cluster.close()
        })
        await Promise.all(talks.map(({ channel }) => channel.opened))
        await forMs(BEFORE_MS)
        const struck = cluster.processes[0]?.name
        const owners = talks.map((talk) => talk.owner)
        const startedAt = performance.now()
        await strike(cluster, talks)
        await forMs(AFTER_MS)
        const counts = talks.map((talk) => [talk.heard.length, cluster.journal.of(talk.name).heard.length] as const)
        expect(
          await passUntil(
            () =>
              talks.every((talk, at) => {
                const [down = 0, up = 0] = counts[at] ?? []
                return talk.heard.length > down && cluster.journal.of(talk.name).heard.length > up
              }),
            30_000,
          ),
          "messages flow again, both ways, in all sessions",
        ).toBe(true)
        const againMs = Math.round(performance.now() - startedAt)
        const outcomes: Outcome[] = []
        for (const talk of talks) outcomes.push(await expectHonest(cluster, talk))
        const of = (key: keyof Outcome): string => outcomes.map((outcome) => outcome[key]).join(" ")
        console.log(
          `${store} | ${fault} | resets ${of("resets")} | uncertain ${of("uncertain")} | lost down ${of("lostDown")} | all again ${againMs} ms`,
        )
        for (const [at, talk] of talks.entries()) {
          if (mayEnd?.(talk, owners[at], struck) === true) expect(outcomes[at]?.resets).toBeLessThanOrEqual(1)
          else expect([talk.channel.transport, outcomes[at]]).toEqual([talk.channel.transport, perfect])
        }
      })
    },
  )
})

/** Lets the store take no value any more. Returns what undoes that. */
async function fill({ store, server }: RealCluster): Promise<() => Promise<void>> {
  const port = server?.port ?? 0
  if (store === "redis") {
    const client = createClient({ socket: { host: "127.0.0.1", port } })
    await client.connect()
    await client.configSet({ "maxmemory-policy": "noeviction", maxmemory: "1" })
    return async () => {
      await client.configSet("maxmemory", "0")
      client.destroy()
    }
  }
  const connection = await connect({ servers: `127.0.0.1:${port}` })
  const call = async (what: string, body?: object): Promise<{ readonly config: object; readonly error?: unknown }> => {
    const answer = await connection.request(`$JS.API.STREAM.${what}.EVERWIRE_VALUES`, JSON.stringify(body ?? {}))
    return answer.json()
  }
  const { config } = await call("INFO")
  expect((await call("UPDATE", { ...config, max_bytes: 1, discard: "new" })).error).toBe(undefined)
  return async () => {
    expect((await call("UPDATE", config)).error).toBe(undefined)
    await connection.close()
  }
}

describe.each(["redis", "nats"] as const)("a store of %s", (store) => {
  it.skipIf(!has(`${store}-server`))(
    "that is full refuses new sessions with a code, lets the others go on, and takes new ones when it has room again",
    async ({ onTestFinished }) => {
      const cluster = await startRealCluster({ store, count: 2, perSecond: 50 })
      const talks = [new Talk(cluster, { transports: ["websocket"] }, undefined, 50)]
      onTestFinished(async () => {
        for (const talk of talks) await talk.close()
        await cluster.close()
      })
      await Promise.all(talks.map(({ channel }) => channel.opened))
      const empty = await fill(cluster)
      const late = new Talk(cluster, { transports: ["sse"] }, undefined, 50)
      talks.push(late)
      const codes = new Set<unknown>()
      late.channel.onIncident((incident) => "closing" in incident && codes.add(incident.closing?.code))
      await forMs(5_000)
      expect(late.channel.status).not.toBe("open")
      expect([...codes]).toContain("backplane-unavailable")
      await empty()
      expect(await passUntil(() => late.channel.status === "open", 20_000)).toBe(true)
      await forMs(1_000)
      for (const talk of talks) expect(await expectHonest(cluster, talk)).toEqual(perfect)
    },
  )

  it.skipIf(!has(`${store}-server`))(
    "that is away makes a process that publishes 200 MB keep 8 MiB of it, count the rest, and go on after",
    async ({ onTestFinished }) => {
      const cluster = await startRealCluster({ store, count: 2, perSecond: 50 })
      const talk = new Talk(cluster, { transports: ["websocket"] }, undefined, 50)
      onTestFinished(async () => {
        await talk.close()
        await cluster.close()
      })
      await talk.channel.opened
      const [process] = cluster.processes
      await cluster.server?.kill()
      await forMs(500)
      const before = await process?.ask({ stats: true })
      for (let at = 0; at < 20; at++) await process?.ask({ publish: 100, bytes: 100_000 })
      const after = await process?.ask({ stats: true })
      expect(after?.unpublished).toBeGreaterThan(1_800)
      expect((after?.rss ?? 0) - (before?.rss ?? 0)).toBeLessThan(100_000_000)
      await cluster.server?.start()
      await forMs(4_000)
      expect(await expectHonest(cluster, talk)).toEqual(perfect)
      expect((await process?.ask({ stats: true }))?.unpublished).toBe(after?.unpublished)
    },
  )
})
