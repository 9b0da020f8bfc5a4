import { type Closing, closing } from "../../wire/errors.ts"
import type { Hello } from "../../wire/handshake.ts"
import type { Principal } from "../peer.ts"
import { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { sameKey } from "./key.ts"

/** A channel whose session is on its way to another process is to wait so long, in milliseconds. */
const MOVING_MS = 100

const MOVING = closing("moved", "the session is moving to another process", true, MOVING_MS)

/** The result of a judged hello. */
export type Claim =
  | { readonly hubSession: HubSession; readonly isNew: boolean }
  | { readonly refusal: Closing }
  /** Another hub has the session, or this hub had it before a restart: the channel may begin a new one. */
  | { readonly disowned: string }

/** The session that a hello asks for: the known one with its id, or a new one. */
export function claimSession(
  host: AdmissionHost,
  known: HubSession | undefined,
  hello: Hello,
  address: string,
  principal: Principal,
): Claim {
  if (hello.hub !== undefined && hello.hub !== host.hub && !known?.formers?.includes(hello.hub)) {
    if (known?.durable) {
      // This hub does not know yet that another one has taken the session over.
      known.durable.changed()
      return { refusal: MOVING }
    }
    // Holds even if a stray hello began a session of this id here: its packets belong to the other hub.
    return { disowned: "another hub has the session" }
  }
  if (known?.links.isFrozen) return { refusal: MOVING }
  const refusal = host.journal()?.refusal
  if (refusal !== undefined) return { refusal }
  if (known === undefined) return beginSession(host, hello, address, principal)
  if (!sameKey(known.key, hello.key) || known.principal.id !== principal.id) {
    return { refusal: closing("session-forbidden", "this session belongs to somebody else", false) }
  }
  // Packets that are sent again are in the codec of the session.
  if (host.encoders.find(hello.codec) !== known.encoder) {
    return { refusal: closing("protocol-error", "a session keeps its codec", false) }
  }
  return { hubSession: known, isNew: false }
}

function beginSession(host: AdmissionHost, hello: Hello, address: string, principal: Principal): Claim {
  const { registry } = host
  const ended = registry.endedWhy(hello.id, hello.key)
  if (ended !== undefined) return { refusal: ended }
  if (hello.heard > 0 || hello.acked > 0 || hello.hub !== undefined) {
    return { disowned: "this hub does not know the session" }
  }
  const encoder = host.encoders.find(hello.codec)
  if (encoder === undefined) return { refusal: host.encoders.refusal }
  const full = host.closing() ?? registry.refusal(address)
  if (full !== undefined) return { refusal: full }
  const { sites } = host
  const hubSession = new HubSession(host, hello, principal, encoder, sites.names.textOf(address), sites.at(address))
  // For the whole life of the session, because a packet sent on one link may be repeated on another.
  hubSession.session.agree(hello.features)
  registry.add(hubSession)
  host.began(hubSession, false)
  if (!hubSession.session.ended) return { hubSession, isNew: true }
  // `onPeer` closed the session: the channel gets the reason, as any channel that comes after the end.
  const why = registry.endedWhy(hello.id, hello.key) ?? closing("closed-by-peer", "closed by the hub", false)
  return { refusal: why }
}
