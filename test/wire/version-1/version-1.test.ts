import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { VirtualRuntime } from "everwire/testing"
import { describe, expect, it } from "vitest"
import type { Batch } from "../../../src/wire/batch.ts"
import { type Entry, landmarks, read, withUnknownFields, write } from "./recording.ts"
import { startChannel, startHub } from "./talk.ts"
import { isBatch, longPollWire, type Wire, websocketWire } from "./wires.ts"

/**
 * What version 1 says and hears is kept in the text files beside this one. They were recorded by
 *
 *   RECORD=1 npx vitest run test/wire/version-1
 *
 * which is to be run again only as long as version 1 itself may change: before 1.0.
 */
const wires: Readonly<Record<string, () => Wire>> = { websocket: websocketWire, "long-poll": longPollWire }

/** For how long the two ends of the talk wait for the answers to their requests. */
const TIMEOUTS_MS: Readonly<Record<string, number>> = {
  double: 5_000,
  reverse: 5_000,
  unknown: 5_000,
  never: 100,
  confirm: 10_000,
}

/**
 * What an end of today says in place of this packet: behind the id of a request it tells for how long it waits. To version 1
 * an id is any text, and it answers with the same; the recorded ends answer with the id alone, as today's do.
 */
function withDeadline(packet: string): string {
  return packet.replace(/^q(\d+)\t(\w+)/, (_, id: string, name: string) => `q${id},${TIMEOUTS_MS[name]}\t${name}`)
}

const END_MS = 16_000
const CHANNEL_HEARD = [
  'greeting "welcome"',
  'said {"text":"hi ✓"}',
  "double 42",
  "said 3 bytes from 0 to 255",
  "reverse 3 bytes from 3 to 1",
  "unknown failed: request-unhandled",
  "never failed: request-timeout",
  "said 40002 characters",
  "said 20000 bytes from 7 to 7",
  'said "after the cut"',
]
const HUB_HEARD = [
  'chat {"text":"hi ✓"}',
  "chat 3 bytes from 0 to 255",
  "confirm true",
  "chat 40002 characters",
  "chat 20000 bytes from 7 to 7",
  'chat "after the cut"',
  "closed closed-by-peer",
]

for (const [name, create] of Object.entries(wires)) {
  const file = fileURLToPath(new URL(`${name}.txt`, import.meta.url))
  if (process.env["RECORD"]) writeFileSync(file, write(await converse(create())))
  const text = readFileSync(file, "utf8")
  const recorded = read(text)

  describe(`the recording of version 1 over ${name}`, () => {
    it("has every kind of packet that this transport carries, and is written back exactly as it is read", () => {
      expect(write(recorded)).toBe(text)
      const lines = recorded.flatMap(({ what }) => (typeof what === "string" ? what.split("\n") : []))
      const kinds = [...new Set(lines.map((packet) => packet.charAt(0)))].sort().join("")
      expect(kinds).toBe(name === "websocket" ? "abcefhmnpqrtwx" : "@abcefhmnpqrwx")
      expect(recorded.some(({ what }) => what instanceof Uint8Array)).toBe(true)
    })
  })

  describe.each([
    ["as it was", (batch: Batch) => batch],
    ["with fields that it does not know", withUnknownFields],
  ])(`version 1 over ${name}, %s:`, (_, change) => {
    const changed = recorded.map((entry) => (isBatch(entry.what) ? { ...entry, what: change(entry.what) } : entry))

    it("the recorded channel is heard and answered by today's hub", async () => {
      const wire = create()
      const said: Batch[] = []
      const hub = startHub(wire.runtime, wire.acceptors)
      const act = wire.playChannel((what) => said.push(what))
      await play(wire.runtime, changed, "channel", said, (entry) => {
        act(entry)
        return true
      })
      expect(hub.heard).toEqual(HUB_HEARD)
      expect(landmarks(said)).toEqual(landmarks(saidBy(recorded, "hub")).map(withDeadline))
    })

    it("the recorded hub is heard and answered by today's channel", async () => {
      const wire = create()
      const said: Batch[] = []
      const { dialers, act } = wire.played((what) => said.push(what))
      const channel = startChannel(wire.runtime, dialers)
      await play(wire.runtime, changed, "hub", said, act)
      expect(channel.heard).toEqual(CHANNEL_HEARD)
      expect(landmarks(said)).toEqual(landmarks(saidBy(recorded, "channel")).map(withDeadline))
    })
  })
}

/** Runs the conversation with today's hub and channel, and records it at the channel's end. */
async function converse(wire: Wire): Promise<Entry[]> {
  const { runtime } = wire
  const startedAt = runtime.now()
  const entries: Entry[] = []
  startHub(runtime, wire.acceptors)
  startChannel(
    runtime,
    wire.dialers((entry) => entries.push({ atMs: runtime.now() - startedAt, ...entry })),
  )
  await runtime.pass(END_MS)
  return entries
}

/**
 * Replays one side of the recording. Each entry is played at its time, but not before the live side (`said`) has sent
 * as many landmarks as it had sent at that point of the recording. `act` returns whether a live link or request existed
 * for the entry.
 */
async function play(
  runtime: VirtualRuntime,
  entries: readonly Entry[],
  from: Entry["from"],
  said: readonly Batch[],
  act: (entry: Entry) => boolean,
): Promise<void> {
  const startedAt = runtime.now()
  const before: Batch[] = []
  for (const entry of entries) {
    if (entry.from !== from) {
      if (isBatch(entry.what)) before.push(entry.what)
      continue
    }
    const needed = landmarks(before).length
    await runtime.pass(Math.max(0, entry.atMs - (runtime.now() - startedAt)))
    await runtime.passUntil(() => landmarks(said).length >= needed, 10_000)
    if (landmarks(said).length < needed) throw new Error(`at ${entry.atMs} ms: the live side has said too little`)
    if (!act(entry)) throw new Error(`at ${entry.atMs} ms: nothing live for what comes on ${entry.on}`)
  }
  await runtime.pass(END_MS - (runtime.now() - startedAt))
}

function saidBy(entries: readonly Entry[], from: Entry["from"]): Batch[] {
  return entries.flatMap((entry) => (entry.from === from && isBatch(entry.what) ? [entry.what] : []))
}
