import type { Session, SessionSettings } from "../../session/session.ts"
import type { Traffic } from "../../session/traffic.ts"
import type { Costs } from "../limits/allowance.ts"
import type { FanOut } from "../limits/fan-out.ts"
import type { PayloadBounds } from "../limits/payload-bounds.ts"
import type { ClusterJournal } from "../moved-session.ts"
import type { Encoders } from "../rooms/encoders.ts"
import type { Rooms } from "../rooms/rooms.ts"
import type { HubPeer } from "./hub-peer.ts"
import type { KeptBytes } from "./kept-bytes.ts"
import type { LinksHost } from "./linked-session.ts"
import type { PeerDispatchHost } from "./peer-dispatch.ts"
import type { LastJoined } from "./shared-outbox.ts"

/** What every session of a hub has of the hub. */
export interface SessionNeeds extends LinksHost, PeerDispatchHost, PayloadBounds {
  readonly rooms: Rooms<HubPeer>
  readonly encoders: Encoders
  readonly costs: Costs
  /** One shared object for all sessions whose link asked for no other heartbeat. */
  readonly settings: SessionSettings
  readonly joined: LastJoined
  /** Replaces the `session` of every hub session that has ended. */
  readonly ended: Session
  readonly kept: KeptBytes
  readonly fanOut: FanOut
  /** What keeps the sessions in the store. Undefined unless the hub is durable. */
  journal(): ClusterJournal | undefined
  /** What all sessions of the hub have carried. */
  readonly traffic: Traffic
}
