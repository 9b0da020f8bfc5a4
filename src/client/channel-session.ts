import { Clockwork } from "../session/clockwork.ts"
import type { Runtime } from "../session/runtime.ts"
import { Session, type SessionHost } from "../session/session.ts"
import { HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS, MAX_OUTBOX_BYTES } from "../wire/defaults.ts"
import { AUTH_REFRESH } from "../wire/features.ts"
import type { ChannelOptions } from "./options.ts"

/** When a channel acknowledges what the hub sends: late, because a hub has many peers. */
export const CHANNEL_ACK = { ackMs: 5_000, ackPackets: 256, ackBytes: 65_536, prober: true } as const

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
