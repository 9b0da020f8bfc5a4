import type { Clockwork } from "../../session/clockwork.ts"
import { Session, type SessionSettings } from "../../session/session.ts"
import { createTraffic } from "../../session/traffic.ts"

/** A session that has ended. It holds no packets and ignores all input. */
export function createEnded(clockwork: Clockwork, settings: SessionSettings): Session {
  const deaf = { traffic: createTraffic(), deliver() {}, control() {}, doubted() {}, silent() {}, answered() {} }
  const session = new Session(clockwork, deaf, settings)
  session.end()
  return session
}
