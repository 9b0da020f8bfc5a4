import { describe, expect, it } from "vitest"
import { encodeEntry, JournalReader, type Note } from "../../../src/cluster/journal-entries.ts"
import type { MovedSession, SessionChange } from "../../../src/server/moved-session.ts"

const SESSION: MovedSession = {
  id: "s",
  key: "k",
  peer: "p",
  principal: { id: "ann" },
  data: { level: 1 },
  rooms: ["hall"],
  turn: 1,
  isMet: true,
  lastId: 0,
  address: "1.2.3.4",
  ageMs: 10,
  formers: ["h"],
  bytes: 0,
  snapshot: { heard: 0, parts: [], acked: 0, sent: 0, packets: [] },
}

function change(more: Partial<SessionChange>): Note {
  const nothing = { facts: {}, heard: 0, acked: 0, first: 1, packets: [], deliveries: [], waits: [], left: [] }
  return { change: { id: "s", ...nothing, ...more } }
}

function read(...entries: Note[][]): ReturnType<JournalReader["sessions"]> {
  const reader = new JournalReader()
  for (const [at, notes] of entries.entries()) reader.read(encodeEntry(at + 1, notes))
  return reader.sessions()
}

describe("a journal that is read", () => {
  it("gives the session that was written last, as a whole and by changes", () => {
    const [session] = read(
      [{ whole: SESSION }],
      [change({ heard: 2, packets: ["one", new Uint8Array([1])], facts: { rooms: ["hall", "den"], data: undefined } })],
      [change({ heard: 3, acked: 1, first: 3, packets: ["three"], facts: { principal: { id: "ann", expiresAt: 9 } } })],
    )
    expect(session?.moved).toEqual({
      ...SESSION,
      data: undefined,
      principal: { id: "ann", expiresAt: 9 },
      rooms: ["hall", "den"],
      snapshot: { heard: 3, parts: [], acked: 1, sent: 3, packets: [new Uint8Array([1]), "three"], lane: undefined },
    })
  })

  it("leaves out packets that were acknowledged before they were written", () => {
    const [session] = read([{ whole: SESSION }], [change({ acked: 5, first: 6, packets: ["six"] })])
    expect(session?.moved.snapshot).toMatchObject({ acked: 5, sent: 6, packets: ["six"] })
  })

  it("counts an entry once that is in the log twice, even behind later ones", () => {
    const reader = new JournalReader()
    const entries = [[{ whole: SESSION }], [change({ packets: ["one"] })], [change({ first: 2, packets: ["two"] })]]
    const written = entries.map((notes, at) => encodeEntry(at + 1, notes))
    for (const at of [0, 0, 1, 2, 1, 0]) reader.read(written[at] ?? new Uint8Array())
    expect(reader.sessions()[0]?.moved.snapshot.packets).toEqual(["one", "two"])
  })

  it("forgets a session that has ended, and what is told of it afterwards", () => {
    expect(read([{ whole: SESSION }], [{ ended: "s" }], [change({ heard: 7 })])).toEqual([])
  })

  it("keeps what waits in front of the outbox, in its order, until it has a number or is dropped", () => {
    const delivery = { key: "price" }
    const [session] = read(
      [
        {
          whole: {
            ...SESSION,
            snapshot: { ...SESSION.snapshot, lane: { unnumbered: [{ packet: "a" }], numbered: [] } },
          },
        },
      ],
      [
        change({
          waits: [
            [2, "b", delivery],
            [3, "c", undefined],
          ],
        }),
      ],
      [change({ left: [1], packets: ["a"], deliveries: [[1, { until: 5 }]] })],
    )
    expect(session?.moved.snapshot.lane).toEqual({
      unnumbered: [
        { packet: "b", delivery },
        { packet: "c", delivery: undefined },
      ],
      numbered: [[1, { until: 5 }]],
    })
  })

  it("writes a packet once that many sessions have", () => {
    const packet = "x".repeat(10_000)
    const notes = Array.from(
      { length: 50 },
      (_, at): Note => ({
        change: { ...(change({ packets: [packet] }) as { change: SessionChange }).change, id: `s${at}` },
      }),
    ) // made above
    expect(encodeEntry(1, notes).length).toBeLessThan(15_000)
  })
})
