import type { CreateChannelOptions } from "everwire"
import { expect } from "vitest"
import { passUntil } from "../../cluster/rigs/real-time.ts"
import { forMs } from "../journey.ts"
import type { Store } from "./orders.ts"
import { type RealCluster, startRealCluster } from "./real-cluster.ts"
import { Talk } from "./talk.ts"

/** How long the others take at most to notice that a process has died, and to take its sessions over. */
const BACK_MS = 7_500

interface Durable {
  readonly store: Store
  readonly transports: NonNullable<CreateChannelOptions["transports"]>
  /** For how long, in milliseconds. */
  readonly ms: number
  /** What is done to the process that has the session, again and again. */
  readonly signal: "SIGKILL" | "SIGSTOP"
  onFinished(close: () => Promise<void>): void
}

/**
 * A channel sends 200 messages a second to a durable cluster, which answers each of them, while the process that has the session is
 * killed, or stopped and woken up, every 3 seconds. Asserts that each answer comes once and in order, and that each message is
 * handled, under one id if it is handled again.
 */
export async function expectNothingLost({ store, transports, ms, signal, onFinished }: Durable): Promise<void> {
  const cluster = await startRealCluster({ store, count: 3, perSecond: 0, isDurable: true })
  const talk = new Talk(cluster, { transports })
  const stopped: RealCluster["processes"] = []
  onFinished(async () => {
    for (const process of stopped) process.signal("SIGCONT")
    await talk.close()
    await cluster.close()
  })
  await talk.channel.opened
  let longestMs = 0
  let times = 0
  const endsAt = performance.now() + ms
  while (performance.now() < endsAt) {
    await forMs(3_000)
    const { owner } = talk
    const index = cluster.processes.findIndex(({ name }) => name === owner)
    const process = cluster.processes[index]
    if (process === undefined) throw new Error(`nobody has the session: ${owner}`)
    const heard = talk.heard.length
    const at = performance.now()
    cluster.balancer.leaveOut(index)
    if (signal === "SIGKILL") await process.kill()
    else {
      process.signal("SIGSTOP")
      stopped.push(process)
    }
    times++
    await passUntil(() => talk.owner !== owner && talk.heard.length > heard, 30_000)
    longestMs = Math.max(longestMs, performance.now() - at)
    if (signal === "SIGSTOP") process.signal("SIGCONT")
    if (signal === "SIGKILL") await cluster.start(index)
    else cluster.balancer.bringBack(index, process.port)
  }
  talk.stop()
  await passUntil(() => talk.heard.length >= talk.said, 20_000)
  const { heard, heardAs, begun } = cluster.journal.of(talk.name)
  const ids = new Map<number, string>()
  const again = heard.filter((number, at) => {
    const id = heardAs[at] ?? ""
    const before = ids.get(number)
    ids.set(number, id)
    if (before !== undefined) expect(id).toBe(before)
    return before !== undefined
  })
  console.log(
    `durable over ${store} | ${talk.channel.transport} | ${times} x ${signal} | up ${ids.size}/${talk.said}, ${again.length} again | ` +
      `down ${talk.heard.length}/${talk.said} | longest ${Math.round(longestMs)} ms | ${begun.map(([process]) => process).join(" > ")}`,
  )
  expect(talk.resets).toEqual([])
  expect(talk.heard.map(Number)).toEqual(Array.from({ length: talk.said }, (_, number) => number))
  expect([...ids.keys()].toSorted((one, other) => one - other)).toEqual(talk.heard.map(Number))
  expect(new Set(ids.values()).size).toBe(ids.size)
  expect(longestMs).toBeLessThan(BACK_MS)
}
