import { isThenable } from "../../session/thenable.ts"
import { type Closing, closing } from "../../wire/errors.ts"
import { type Leave, readLeave } from "../../wire/handshake.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import { saidByPeer } from "../sessions/said-by-peer.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { sameKey } from "./key.ts"

/**
 * Hears the bye of a channel that had no link on which it would arrive. The key is the proof, as in a hello; credentials are
 * not judged again. Returns why it is refused, if it is. Where the directory answers later, a bye with the wrong key is heard
 * and does nothing.
 *
 * @throws EverwireError `protocol-error` when it is no such bye.
 */
export function hearLeave(host: AdmissionHost, packet: string): Closing | undefined {
  const { hub, registry, directory, report } = host
  const leave = readLeave(packet)
  if (leave.hub !== undefined && leave.hub !== hub) return closing("session-unknown", "another hub has the session")
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
    // What a hub has welcomed and does not know any more has ended there.
    if (leave.hub === undefined) registry.left(leave.id, leave.key, why)
  } else if (sameKey(hubSession.key, leave.key)) hubSession.links.leave(why, leave.said)
  else return closing("session-forbidden", "this session belongs to somebody else", false)
  return undefined
}
