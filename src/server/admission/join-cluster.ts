import type { HttpExchange } from "../../transports/transport.ts"
import type { PeersHost } from "../across.ts"
import type { OpenCluster } from "../cluster.ts"
import type { HubSettings } from "../settings.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { HubLink } from "./hub-link.ts"
import { hearLeave } from "./leave.ts"
import { takeOver } from "./take-over.ts"
import { Unwelcomed } from "./unwelcomed.ts"

/** Joins the hub with those of other processes. `exchange` answers an exchange that reached another process. */
export function joinCluster(
  { cluster, isDurable }: HubSettings,
  host: AdmissionHost,
  exchange: (exchange: HttpExchange) => void,
  peers: PeersHost,
): OpenCluster | undefined {
  // No link of other processes ever waits in it: the one that took the link in counts it until the hello is judged. Nor
  // may such a link bring another hello here, which is what `disowned` would be for.
  const judgedThere = new Unwelcomed(Infinity, Infinity, true)
  const joined: OpenCluster | undefined = cluster?.open({
    runtime: host.runtime,
    clockwork: host.clockwork,
    hub: host.hub,
    admit: (link, arrival) => {
      const hubLink = new HubLink(host, judgedThere, link, arrival)
      hubLink.arrive(arrival)
      return hubLink
    },
    exchange,
    peers,
    connected: (connected) => host.observer.clusterConnection?.({ hub: host.hub, connected }),
    leave: (bye) => void hearLeave(host, bye, true),
    resumeMs: host.resumeMs,
    isDurable,
    has: (session) => host.registry.get(session) !== undefined,
    closing: () => host.closing(),
    takeOver: (moved) => takeOver(host, joined?.peers, moved),
    failed: (error) => host.report(error),
  })
  return joined
}
