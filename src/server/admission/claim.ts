import { type Closing, closing } from "../../wire/errors.ts"
import type { Hello } from "../../wire/handshake.ts"
import type { Principal } from "../peer.ts"
import { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"
import { sameKey } from "./key.ts"

/** What a hello that was judged comes to. */
export type Claim =
  | { readonly hubSession: HubSession; readonly isNew: boolean }
  | { readonly refusal: Closing }
  /** The session is another hub's, or was that of one before this: the channel may begin another. */
  | { readonly disowned: string }

/** The session that a hello claims: the one that is known by its id, or a new one. */
export function claimSession(
  host: AdmissionHost,
  known: HubSession | undefined,
  hello: Hello,
  address: string,
  principal: Principal,
): Claim {
  if (hello.hub !== undefined && hello.hub !== host.hub) {
    // Even if a stray hello has begun a session of this id here: what it carried is another hub's to know.
    return { disowned: "another hub has the session" }
  }
  if (known === undefined) return beginSession(host, hello, address, principal)
  if (!sameKey(known.key, hello.key) || known.principal.id !== principal.id) {
    return { refusal: closing("session-forbidden", "this session belongs to somebody else", false) }
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
  const full = host.closing() ?? registry.refusal(address)
  if (full !== undefined) return { refusal: full }
  const hubSession = new HubSession(
    host,
    hello.id,
    hello.key,
    principal,
    registry.textOf(address),
    host.sites.at(address),
  )
  // For as long as the session lives: what is said on one link may be repeated on another.
  hubSession.session.agree(hello.features)
  registry.add(hubSession)
  host.began(hubSession)
  if (!hubSession.session.ended) return { hubSession, isNew: true }
  // `onPeer` closed it: its channel is told as any other that comes too late.
  const why = registry.endedWhy(hello.id, hello.key) ?? closing("closed-by-peer", "closed by the hub", false)
  return { refusal: why }
}
