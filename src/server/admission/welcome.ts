import type { Link } from "../../session/link.ts"
import type { Packet } from "../../wire/batch.ts"
import { PROTOCOL_VERSION } from "../../wire/defaults.ts"
import { type Hello, writeWelcome } from "../../wire/handshake.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"

/** A hello as it came. */
export interface Greeting {
  readonly hello: Hello
  /** By the hub's clock. */
  readonly heardAt: number
  /** What came behind it, until it is welcomed. */
  readonly later: Packet[]
}

/** Welcomes a link to its session, and has the session hear what came behind the hello. */
export function welcome(
  host: AdmissionHost,
  link: Link,
  hubSession: HubSession,
  isNew: boolean,
  { hello, heardAt, later }: Greeting,
): void {
  if (hello.turn > 0 || isNew) hubSession.links.heldBy(hello.holder)
  const { session } = hubSession
  const attached = hello.turn > hubSession.links.turn
  const heartbeatMs = Math.min(host.settings.heartbeatMs, hello.speakMs ?? Number.POSITIVE_INFINITY)
  const packet = writeWelcome({
    v: PROTOCOL_VERSION,
    peer: hubSession.peer.id,
    hub: host.hub,
    heard: session.heard,
    part: session.part,
    said: session.said > hello.heard ? session.said : undefined,
    clock: Math.floor(host.clockwork.now()),
    attached,
    resumed: !isNew,
    speakMs: heartbeatMs,
    patienceMs: host.settings.heartbeatTimeoutMs,
    resumeMs: host.resumeMs,
    maxPayloadBytes: host.maxPayloadBytes,
    features: session.features,
  })
  // Alone, before any data: on a slow link the channel would hear of it only when all of that has come.
  link.send(packet)
  // Of a link that only probes too: it may take over later, and was told of this.
  if (heartbeatMs < host.settings.heartbeatMs) session.configure({ heartbeatMs })
  if (attached) {
    session.clocked(hello.clock, heardAt)
    hubSession.links.attach(link, hello, hello.turn)
  } else {
    hubSession.links.spare(link, hello.holder)
    if (isNew) hubSession.links.detached()
  }
  if (later.length > 0) {
    hubSession.spending.did(later.length, 0, heardAt)
    hubSession.session.hear(link, later)
  }
}
