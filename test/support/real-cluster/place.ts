import type { Place } from "../exactly-once.ts"
import { FaultProxy } from "../fault-proxy.ts"
import type { RealCluster } from "./real-cluster.ts"
import { Talk } from "./talk.ts"

/** Makes a place for one run before a cluster that several runs share. */
export async function placeOn(cluster: RealCluster, onFinished: (close: () => Promise<void>) => void): Promise<Place> {
  const proxy = await FaultProxy.start(cluster.balancer.port)
  const talks: Talk[] = []
  onFinished(async () => {
    for (const talk of talks) await talk.close()
    await proxy.close()
  })
  return {
    proxy,
    failures: cluster.failures,
    async flow(options) {
      const talk = new Talk(cluster, options, proxy.url)
      talks.push(talk)
      await talk.channel.opened
      return { channel: talk.channel, flow: talk }
    },
  }
}
