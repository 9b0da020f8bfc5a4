import { type Channel, createChannel } from "everwire"
import { cluster } from "everwire/cluster"
import type { Peer } from "everwire/node"
import { memoryBackplane } from "everwire/testing"
import { afterEach, describe, expect, it } from "vitest"
import { Flow } from "../support/flow.ts"
import { createRuntime, disposeAll, onDispose, startHub, transports } from "../support/hub-server.ts"
import { forMs } from "../support/journey.ts"
import { type RoundRobin, startRoundRobin } from "../support/round-robin.ts"

afterEach(disposeAll)

/** Hubs of one cluster, each on a server of its own, behind a proxy that gives each request to the next one. */
async function startCluster(count: number): Promise<{
  readonly hubs: readonly Awaited<ReturnType<typeof startHub>>[]
  readonly proxy: RoundRobin
  readonly failures: unknown[]
  /** Resolves with the first peer of any hub. */
  readonly begun: Promise<{ readonly index: number; readonly peer: Peer }>
  dial(transport: (typeof transports)[number]): Channel
}> {
  const bus = memoryBackplane({ runtime: createRuntime() })
  const failures: unknown[] = []
  const hubs: Awaited<ReturnType<typeof startHub>>[] = []
  for (let at = 0; at < count; at++) {
    const started = await startHub({ cluster: cluster(bus.end()) })
    started.hub.onError((error) => failures.push(error))
    hubs.push(started)
  }
  const proxy = await startRoundRobin(hubs.map(({ port }) => port))
  onDispose(() => proxy.close())
  const begun = new Promise<{ index: number; peer: Peer }>((resolve) => {
    for (const [index, { hub }] of hubs.entries()) hub.onPeer((peer) => resolve({ index, peer }))
  })
  return {
    hubs,
    proxy,
    failures,
    begun,
    dial(transport) {
      const channel = createChannel(proxy.url, { transports: [transport], store: null })
      onDispose(() => void channel.close({ flushMs: 0 }))
      return channel
    },
  }
}

describe.each([2, 3])("%i processes behind a proxy that sends every request to the next one", (count) => {
  it.each(transports)("carry a session over %s without loss, repetition, disorder or reset", async (transport) => {
    const { hubs, proxy, failures, begun, dial } = await startCluster(count)
    const channel = dial(transport)
    const { index, peer } = await begun
    await channel.opened
    const owner = hubs[index]
    if (owner === undefined) throw new Error("no owner")
    const flow = new Flow(owner.hub, peer, channel)
    let links = 0
    channel.onStatus((status) => status !== "open" && links++)
    await forMs(2_000)
    const verdict = await flow.settled(10_000)
    const perfect = { lost: 0, doubled: 0, outOfOrder: 0 }
    expect(verdict).toMatchObject({ up: perfect, down: perfect, resets: 0 })
    expect(verdict.maxGapMs).toBeLessThan(3_000)
    expect(links).toBe(0)
    expect(hubs.map(({ hub }) => hub.peers.size).reduce((sum, size) => sum + size)).toBe(1)
    expect(failures).toEqual([])
    if (transport !== "websocket") expect(Math.min(...proxy.served)).toBeGreaterThan(0)
  })
})
