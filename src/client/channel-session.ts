import { Clockwork } from "../session/clockwork.ts"
import type { Runtime } from "../session/runtime.ts"
import { Session, type SessionHost } from "../session/session.ts"
import { CHANNEL_ACK, HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, MAX_OUTBOX_BYTES } from "../wire/defaults.ts"
import { AUTH_REFRESH } from "../wire/features.ts"
import type { ChannelOptions } from "./options.ts"

/** Creates the session of a channel with these options. */
export function createSession(
  runtime: Runtime,
  host: SessionHost,
  { maxOutboxBytes, features, auth }: ChannelOptions,
): Session {
  return new Session(new Clockwork(runtime), host, {
    ...CHANNEL_ACK,
    heartbeatMs: HEARTBEAT_MS,
    heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    maxOutboxBytes: maxOutboxBytes ?? MAX_OUTBOX_BYTES,
    features: features ?? (auth && [AUTH_REFRESH]),
  })
}
