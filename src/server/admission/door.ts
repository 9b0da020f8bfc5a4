import { guardLink } from "../../session/guard-link.ts"
import type { Link, LinkSink } from "../../session/link.ts"
import type { Acceptor, Door, LinkOrigin, OpenAcceptor } from "../../transports/transport.ts"
import { closing } from "../../wire/errors.ts"
import type { Reports } from "../reports.ts"
import type { HubSettings } from "../settings.ts"
import { isBuiltIn } from "../transports.ts"
import { isPrivate } from "./address.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { HubLink } from "./hub-link.ts"
import { hearLeave } from "./leave.ts"
import type { Arrival } from "./trust-proxy.ts"
import type { Unwelcomed } from "./unwelcomed.ts"

/** Opens the acceptors of a hub, each with the door through which it admits links. */
export function openAcceptors(
  acceptors: readonly Acceptor[],
  { maxBatchBytes, holdMs, trustProxy }: HubSettings,
  host: AdmissionHost,
  unwelcomed: Unwelcomed,
  reports: Reports,
): ReadonlyMap<string, OpenAcceptor> {
  const lookForProxy = trustProxy === undefined ? createProxyLookout(reports) : undefined
  const { runtime, clockwork, hub } = host
  const door: Door = {
    runtime,
    clockwork,
    hub,
    maxBatchBytes,
    holdMs,
    admit: (link, origin) => {
      lookForProxy?.(origin)
      return new HubLink(host, unwelcomed, link, origin)
    },
    leave: (bye) => hearLeave(host, bye),
    elsewhere: host.links(),
  }
  const guardedDoor: Door = { ...door, admit: (link, origin) => admitGuarded(link, origin, host, unwelcomed) }
  return new Map(acceptors.map((acceptor) => [acceptor.name, acceptor.open(isBuiltIn(acceptor) ? door : guardedDoor)]))
}

/** Admits a link of the application's own transport. If a method of the link throws, the link counts as broken. */
function admitGuarded(link: Link, origin: LinkOrigin, host: AdmissionHost, unwelcomed: Unwelcomed): LinkSink {
  let isBroken = false
  const guarded = guardLink(link, (error) => {
    if (isBroken) return
    isBroken = true
    host.report(error)
    host.runtime.soon(() => {
      const why = closing("network", "the link threw")
      guarded.close(why)
      hubLink.closed(why)
    })
  })
  const hubLink = new HubLink(host, unwelcomed, guarded, origin)
  return hubLink
}

/** Warns once about a proxy that `trustProxy` does not mention: it hides every client's address, and often the host. */
function createProxyLookout(reports: Reports): (request: Arrival) => void {
  let hasTold = false
  return (request) => {
    if (hasTold || request.header("x-forwarded-for") === undefined) return
    const { address } = request
    if (address === undefined || !isPrivate(address)) return
    hasTold = true
    reports.warn(
      `everwire: a request from ${address} has X-Forwarded-For, so a proxy seems to be in front of this hub. Its ` +
        'address is taken for that of every client. Set "trustProxy" to the number of proxies (1) or to their ' +
        "addresses, or to false to say that there is none.",
    )
  }
}
