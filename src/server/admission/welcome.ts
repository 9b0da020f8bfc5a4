import type { Link } from "../../session/link.ts"
import { PROTOCOL_VERSION } from "../../wire/defaults.ts"
import { type Hello, writeWelcome } from "../../wire/handshake.ts"
import type { HubSession } from "../sessions/hub-session.ts"
import type { AdmissionHost } from "./admission-host.ts"

/** A hello as it came in. */
export interface Greeting {
  readonly hello: Hello
  /** When the hello came, by the hub's clock, in milliseconds. */
  readonly heardAt: number
}

/** Welcomes a link to its session. */
export function welcome(
  host: AdmissionHost,
  link: Link,
  hubSession: HubSession,
  isNew: boolean,
  { hello, heardAt }: Greeting,
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
    moved: hubSession.formers && true,
    speakMs: heartbeatMs,
    patienceMs: host.settings.heartbeatTimeoutMs,
    resumeMs: host.resumeMs,
    maxPayloadBytes: host.maxPayloadBytes,
    codec: hello.codec,
    features: session.settings.features,
  })
  // In a batch alone, before any data: on a slow link the channel would otherwise get it only after all that data.
  link.send(packet)
  // Also for a link that only probes: it may become the current one, and this welcome told it the interval.
  if (heartbeatMs < host.settings.heartbeatMs) session.configure({ heartbeatMs })
  if (attached) {
    session.watch.clocked(hello.clock, heardAt)
    hubSession.links.attach(link, hello, hello.turn)
  } else {
    hubSession.links.spare(link, hello.holder)
    if (isNew) hubSession.links.detached()
  }
}
