import { type Closing, closing } from "../../wire/errors.ts"
import { readLeave } from "../../wire/handshake.ts"
import { saidByPeer } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { sameKey } from "./key.ts"

/**
 * Hears the bye of a channel that had no link on which it would arrive. The key is the proof, as in a hello; credentials are
 * not judged again. Returns why it is refused, if it is.
 *
 * @throws EverwireError `protocol-error` when it is no such bye.
 */
export function hearLeave({ hub, registry }: AdmissionHost, packet: string): Closing | undefined {
  const leave = readLeave(packet)
  if (leave.hub !== undefined && leave.hub !== hub) return closing("session-unknown", "another hub has the session")
  const why = saidByPeer(leave.why)
  const hubSession = registry.find(leave.id)
  if (hubSession === undefined) {
    // What a hub has welcomed and does not know any more has ended there.
    if (leave.hub === undefined) registry.left(leave.id, leave.key, why)
  } else if (sameKey(hubSession.key, leave.key)) hubSession.leave(why, leave.said)
  else return closing("session-forbidden", "this session belongs to somebody else", false)
  return undefined
}
