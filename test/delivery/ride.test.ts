import { createVirtualRuntime } from "everwire/testing"
import { expect, it } from "vitest"
import { CHANNEL_ACK } from "../../src/client/channel-session.ts"
import { Clockwork } from "../../src/session/clockwork.ts"
import type { Link } from "../../src/session/link.ts"
import { Session } from "../../src/session/session.ts"
import { createTraffic } from "../../src/session/traffic.ts"
import { MAX_OUTBOX_BYTES } from "../../src/wire/defaults.ts"

it("what may be dropped does not ride with a hello, nor what is behind it", () => {
  const runtime = createVirtualRuntime()
  const host = { traffic: createTraffic(), deliver() {}, control() {}, doubted() {}, answered() {} }
  const settings = { ...CHANNEL_ACK, heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000, maxOutboxBytes: MAX_OUTBOX_BYTES }
  const session = new Session(new Clockwork(runtime), host, settings)
  const link: Link = { name: "own", bufferedBytes: 0, send() {}, close() {} }
  session.attach(link, { heard: 0 })
  session.say("mx\t1")
  session.say("mx\t2", undefined, undefined, { volatile: true })
  session.say("mx\t3")
  runtime.advance(0)
  session.linkLost(link)
  expect([session.said, session.ride()]).toEqual([3, { packets: ["n1", "mx\t1"], sent: 1 }])
})
