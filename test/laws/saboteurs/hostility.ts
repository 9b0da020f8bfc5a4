import type { Link } from "../../../src/session/link.ts"
import type { Seat } from "../../../src/testing/laws.ts"
import { type Code, closing } from "../../../src/wire/errors.ts"
import { MAX_BATCH_BYTES, type Sabotage } from "./sabotage.ts"
import { type Saboteur, saboteur } from "./saboteur.ts"

/** Accepts garbage as a batch. */
function believes(toward: Seat): Sabotage {
  return {
    rig: ({ taps, rig }) => ({
      garble: (seat) => (seat === toward ? taps[seat].at(-1)?.tell.batch("}{") : rig.garble?.(seat)),
    }),
  }
}

/** Closes with a code of its own for garbage. */
const invents: Sabotage["channel"] = (tap) => ({
  // Not one of the error codes: a transport in plain JavaScript may use any string.
  closed: (why) => tap.tell.closed(tap.world.garbled === 1 ? { ...why, code: "garbage" as Code } : why),
})

const stranger: Link = { name: "memory", bufferedBytes: 0, send() {}, close() {} }
const origin = { transport: stranger.name, address: undefined, header: () => undefined }

export const hostility: readonly Saboteur[] = [
  saboteur("hostility.garbled-up", "takes garbage for a batch, up", /nobody said; seen: }{/, believes("hub")),
  saboteur("hostility.garbled-down", "takes garbage for a batch, down", /nobody said; seen: }{/, believes("channel")),
  saboteur("hostility.garbled-down", "has a code of its own for garbage", /a code that is explained, .*"garbage"/, {
    channel: invents,
    also: ["hostility.garbled-up"],
  }),
  saboteur("hostility.neighbour", "cuts every link when one brings garbage", /packet 1 of 1 missing: "mstill up/, {
    rig: ({ rig }) => ({ garble: () => rig.sever?.() }),
  }),
  saboteur("hostility.strangers", "lets in whoever knocks", /to be put out; seen: 1 strangers inside/, {
    rig: (world) => ({ intrude: () => world.door?.admit(stranger, origin).batch("GET / HTTP/1.1") }),
  }),
  saboteur("hostility.strangers", "listens to strangers before it puts them out", /no batch of a stranger; seen/, {
    rig: (world) => ({
      intrude() {
        const sink = world.door?.admit(stranger, origin)
        sink?.batch("GET / HTTP/1.1")
        sink?.closed(closing("protocol-error", "a stranger"))
      },
    }),
  }),
  saboteur("hostility.strangers", "lets strangers cut the others off", /packet 1 of 1 missing: "mstill up/, {
    rig: ({ rig }) => ({ intrude: () => rig.sever?.() }),
  }),
  saboteur("hostility.oversized", "halves what is too large", /told that the link is over; seen: batch, writable/, {
    channel: (tap) => ({
      send(batch) {
        if (batch.length > MAX_BATCH_BYTES) tap.link.send(batch.slice(0, MAX_BATCH_BYTES))
        tap.link.send(batch.length > MAX_BATCH_BYTES ? batch.slice(MAX_BATCH_BYTES) : batch)
      },
    }),
    also: ["hostility.aftermath"],
  }),
  saboteur("hostility.oversized", "brings the head of what is too large", /nothing of it at the hub; seen/, {
    channel: (tap) => ({
      send(batch) {
        if (batch.length > MAX_BATCH_BYTES) tap.link.send(batch.slice(0, 1_000))
        tap.link.send(batch)
      },
    }),
  }),
  saboteur("hostility.aftermath", "serves nobody after garbage", /a link: .*; seen: no hello at the hub/, {
    channel: (tap) => (tap.world.garbled > 1 ? { send() {} } : {}),
  }),
]
