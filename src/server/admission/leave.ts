import { isThenable } from "../../session/thenable.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import { type Leave, readLeave } from "../../wire/handshake.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import { saidByPeer } from "../sessions/said-by-peer.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { sameKey } from "./key.ts"

/**
 * Handles the bye of a channel that has no link to send it on, so it comes in a request of its own. The key proves that
 * the session is the channel's, as in a hello; credentials are not judged again. Returns why the bye is refused, if it
 * is. If the directory answers later, or another process of the cluster has the session, a bye with the wrong key is not
 * refused but has no effect. `isPassedOn`: another process has passed it on.
 *
 * @throws EverwireError `protocol-error` if the packet is no such bye
 */
export function hearLeave(host: AdmissionHost, packet: string, isPassedOn = false): Closing | undefined {
  const { hub, registry, directory, report } = host
  const leave = readLeave(packet)
  const isAway = leave.hub !== hub && registry.get(leave.id) === undefined
  if (isAway && !isPassedOn && host.links()?.leave(leave, packet) === true) return undefined
  const former = registry.get(leave.id)?.formers?.includes(leave.hub ?? "")
  if (leave.hub !== undefined && leave.hub !== hub && !former)
    return closing("session-unknown", "another hub has the session")
  const found = directory.find(leave.id)
  if (!isThenable(found)) return leaveSession(host, found, leave)
  Promise.resolve(found)
    .then((later) => leaveSession(host, registry.get(leave.id) ?? later, leave))
    .catch(report)
  return undefined
}

function leaveSession(
  { registry }: AdmissionHost,
  hubSession: HubSession | undefined,
  leave: Leave,
): Closing | undefined {
  const why = saidByPeer(leave.why)
  if (hubSession === undefined) {
    // A hub that welcomed the session and does not know it any more has already ended it.
    if (leave.hub === undefined) registry.left(leave.id, leave.key, why)
  } else if (sameKey(hubSession.key, leave.key)) hubSession.links.leave(why, leave.said)
  else return closing("session-forbidden", "this session belongs to somebody else", false)
  return undefined
}
