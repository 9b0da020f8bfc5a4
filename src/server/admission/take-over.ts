import { failureOf } from "../../messaging/failure.ts"
import { closing, closingError, EverwireError } from "../../wire/errors.ts"
import type { ClusterPeers } from "../across.ts"
import type { MovedSession, TakenOver } from "../moved-session.ts"
import { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"

const LOST = closing("node-lost", "the process that answered this request is gone")

/**
 * Makes room for a session that another process hands over.
 *
 * @throws EverwireError if this hub is full, is closing, or lacks the codec of the session
 */
export function takeOver(host: AdmissionHost, peers: ClusterPeers | undefined, moved: MovedSession): TakenOver {
  const { registry, encoders, kept } = host
  const refuse = ({ code, reason }: { code: EverwireError["code"]; reason: string }): never => {
    throw new EverwireError(code, reason)
  }
  const why = host.closing() ?? registry.refusal(moved.address)
  if (why !== undefined) return refuse(why)
  const encoder = encoders.find(moved.codec)
  if (encoder === undefined) return refuse(encoders.refusal)
  if (registry.get(moved.id) !== undefined) throw new EverwireError("session-forbidden", "the session is here already")
  if (!kept.hasRoom(moved.bytes)) throw new EverwireError("over-capacity", "the hub keeps too much")
  kept.grow(moved.bytes)
  registry.reserved++
  let held = moved
  // The rooms are heard before the session stands still, and so before it is here: what is sent to them in between would be missed.
  for (const room of moved.rooms) void peers?.expect(room)
  return {
    hold(frozen) {
      held = frozen
      return Promise.all(frozen.rooms.map((room) => peers?.expect(room) ?? Promise.resolve()))
    },
    begin(last) {
      registry.reserved--
      // It came on two ways: its former hub has handed it over, and was taken for dead.
      if (registry.get(moved.id) !== undefined) return
      begin(host, { ...held, ...last, snapshot: last?.snapshot ?? held.snapshot }, encoder)
    },
    drop() {
      registry.reserved--
    },
  }
}

function begin(host: AdmissionHost, moved: MovedSession, encoder: HubSession["encoder"]): void {
  const { registry, sites } = host
  const { principal, address, rooms, data, features, turn, holder, isMet, lastId } = moved
  const hubSession = new HubSession(host, moved, principal, encoder, address, sites.at(address), moved)
  const { session, links, peer } = hubSession
  session.agree(features)
  session.watch.heardAt = host.clockwork.now()
  links.turn = turn
  links.isMet = isMet
  if (holder !== undefined) links.heldBy(holder)
  if (lastId > 0) hubSession.dispatch.lastId = lastId
  for (const room of rooms) peer.joinUnasked(room)
  peer.data = data // only the application knows its type: see `HubPeer.data`
  registry.add(hubSession)
  // The process that answered them is gone.
  for (const id of moved.open ?? []) hubSession.tell(failureOf(id, closingError(LOST)))
  host.began(hubSession, true)
  hubSession.durable?.changed()
  links.detached()
  // This hub may have begun to drain since it was asked: then the session goes on to the next one.
  host.progressed(hubSession)
}
