import type { CreateChannelOptions } from "everwire"
import { expect } from "vitest"
import { forMs } from "../journey.ts"
import type { Store } from "./orders.ts"
import { startRealCluster } from "./real-cluster.ts"
import { Talk } from "./talk.ts"

const DRAIN_MS = 4_000
/** Between the restarts of two processes. */
const PAUSE_MS = 1_000

interface Restart {
  readonly store: Store
  readonly count: number
  /** The transports of each channel. */
  readonly talks: readonly NonNullable<CreateChannelOptions["transports"]>[]
  onFinished(close: () => Promise<void>): void
}

/**
 * Replaces every process of a cluster, one after another, while channels and hubs send each other 200 messages a second.
 * Asserts that each arrives once and in order, and that no session ends.
 */
export async function expectExactlyOnceThroughRestart({ store, count, talks, onFinished }: Restart): Promise<void> {
  const cluster = await startRealCluster({ store, count })
  const talking = talks.map((transports) => new Talk(cluster, { transports }))
  onFinished(async () => {
    for (const talk of talking) await talk.close()
    await cluster.close()
  })
  await Promise.all(talking.map(({ channel }) => channel.opened))
  for (const [index, process] of [...cluster.processes.entries()]) {
    await forMs(PAUSE_MS)
    cluster.balancer.leaveOut(index)
    await process.close(DRAIN_MS)
    await cluster.start(index)
  }
  await forMs(PAUSE_MS)
  for (const talk of talking) {
    const verdict = await talk.settled(15_000)
    const { begun, closed } = cluster.journal.of(talk.name)
    const { up, down, maxGapMs } = verdict
    console.log(
      `${count} processes over ${store} | ${talk.channel.transport} | up ${up.heard}/${up.sent}, down ${down.heard}/${down.sent} | ` +
        `longest gap ${maxGapMs} ms | ${begun.map(([process]) => process).join(" > ")}`,
    )
    const perfect = { lost: 0, doubled: 0, outOfOrder: 0 }
    expect(verdict).toMatchObject({ up: perfect, down: perfect, resets: 0 })
    // Each peer of a former process was closed because the session has moved, and nothing was left undelivered.
    expect(closed).toEqual(begun.slice(0, -1).map(([process]) => [process, "moved", 0]))
    expect(begun.length).toBeGreaterThan(1)
  }
  expect(cluster.failures).toEqual([])
}
