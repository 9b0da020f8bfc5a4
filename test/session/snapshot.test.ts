import { createVirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import { Log } from "../../src/server/sessions/packet-list.ts"
import { LastJoined, SharedOutbox } from "../../src/server/sessions/shared-outbox.ts"
import { HUB_ACK } from "../../src/server/settings.ts"
import { Clockwork } from "../../src/session/clockwork.ts"
import { Inbox } from "../../src/session/inbox.ts"
import type { Link } from "../../src/session/link.ts"
import { ListOutbox, type Outbox } from "../../src/session/outbox.ts"
import { Session, type SessionHost } from "../../src/session/session.ts"
import { type Kept, restoreSnapshot, takeSnapshot } from "../../src/session/snapshot.ts"
import { createTraffic } from "../../src/session/traffic.ts"
import { MAX_OUTBOX_BYTES } from "../../src/wire/defaults.ts"

function start(kept: Kept = { outbox: new SharedOutbox(new LastJoined()), inbox: new Inbox() }) {
  const runtime = createVirtualRuntime()
  const heard: unknown[] = []
  const host: SessionHost = {
    traffic: createTraffic(),
    deliver: (packet) => void heard.push(packet),
    control() {},
    doubted() {},
    silent() {},
    answered() {},
  }
  const settings = { ...HUB_ACK, heartbeatMs: 20_000, heartbeatTimeoutMs: 30_000, maxOutboxBytes: MAX_OUTBOX_BYTES }
  const session = new Session(new Clockwork(runtime), host, settings, kept.outbox, kept.inbox)
  const sent: unknown[] = []
  const link: Link = { name: "own", bufferedBytes: 0, send: (batch) => void sent.push(batch), close() {} }
  return { session, link, heard, sent, kept, runtime }
}

/** The session of this one's snapshot, which has been cloned as it would be on its way to another process. */
function moved({ kept }: { kept: Kept }, outbox: Outbox) {
  return start(restoreSnapshot(structuredClone(takeSnapshot(kept)), outbox))
}

describe.each([
  ["a hub", () => new SharedOutbox(new LastJoined())],
  ["a channel", () => new ListOutbox()],
] as const)("a session that goes on from a snapshot, with the outbox of %s", (_, create) => {
  it("replays what was not acknowledged, a broadcast that many share among it, and goes on with the numbers", async () => {
    const before = start()
    const log = new Log()
    before.session.say("mown\t1")
    for (const packet of ["mall\t1", "mall\t2"]) before.session.say(packet, log.append(packet))
    before.session.say(Uint8Array.of(109, 120, 10, 1, 2))
    before.session.attach(before.link, { heard: 0 })
    await before.runtime.pass(1)
    before.session.hear(before.link, ["a1"])

    const { session, link, sent, runtime } = moved(before, create())
    expect([session.said, session.acked]).toEqual([4, 1])
    session.say("mlater\t1")
    session.attach(link, { heard: 2 })
    await runtime.pass(1)
    const bytes = Buffer.concat(sent.map((batch) => Buffer.from(batch as Uint8Array))) // one of its packets is bytes
    expect(bytes.includes("n3")).toBe(true)
    expect(bytes.includes("mall\t1")).toBe(false)
    for (const part of ["mall\t2", Buffer.of(109, 120, 10, 1, 2), "mlater\t1"]) expect(bytes.includes(part)).toBe(true)
  })

  it("hears the rest of a packet of which parts had come, and nothing twice", () => {
    const before = start()
    before.session.attach(before.link, { heard: 0 })
    before.session.hear(before.link, ["n1", "mx\t1", 'fmx\t"one ', "ftwo "])
    expect([before.session.heard, before.session.part]).toEqual([1, 12])

    const { session, link, heard } = moved(before, create())
    expect([session.heard, session.part]).toEqual([1, 12])
    session.attach(link, { heard: 0 })
    session.hear(link, ["n1", "mx\t1"])
    session.hear(link, ["n2+8", "ftwo ", 'ethree"'])
    expect(heard).toEqual(['mx\t"one two three"'])
  })

  it("still tells which messages certainly never left", async () => {
    const before = start()
    before.session.say("mx\t1")
    before.session.attach(before.link, { heard: 0 })
    await before.runtime.pass(1)
    before.session.linkLost(before.link)
    before.session.say("mx\t2")
    before.session.say("mx\t3")
    expect(moved(before, create()).session.end()).toEqual({ unacknowledged: ["mx\t1", "mx\t2", "mx\t3"], unsent: 2 })
  })
})
