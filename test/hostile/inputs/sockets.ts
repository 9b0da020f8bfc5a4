// WebSocket frames that break RFC 6455, or are many, or claim to be large.

import { hello, openTcp } from "../attack.ts"
import { converse, GOES_ON, type Input, maskedFrame, upgradeHead } from "./input.ts"
import type { Lesson } from "./lessons.ts"

const RULES = "what breaks the rules ends the process"
const MEMORY = "memory that was never written"
const LARGE = "one large message fills the memory"

type Row = readonly [lesson: Lesson, title: string, bytes: Buffer, close: string]

const rows: readonly Row[] = [
  [RULES, "a frame that is not masked", Buffer.from([0x81, 0x01, 0x68]), "1002"],
  [RULES, "reserved bits", Buffer.from([0xf1, 0x81, 0, 0, 0, 0, 0x68]), "1002"],
  [RULES, "the bit of a compression that was not agreed", Buffer.from([0xc1, 0x81, 0, 0, 0, 0, 0x68]), "1002"],
  [RULES, "an opcode that does not exist", Buffer.from([0x83, 0x81, 0, 0, 0, 0, 0x68]), "1002"],
  [RULES, "a control opcode that does not exist", Buffer.from([0x8b, 0x80, 0, 0, 0, 0]), "1002"],
  [RULES, "a continuation of nothing", maskedFrame(0, "x"), "1002"],
  [
    RULES,
    "a message amid the fragments of another",
    Buffer.concat([maskedFrame(1, "x", false), maskedFrame(1, "y")]),
    "1002",
  ],
  [RULES, "a control frame in fragments", maskedFrame(9, "x", false), "1002"],
  [RULES, "a control frame that is too long", Buffer.from([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]), "1002"],
  [MEMORY, "a close of one byte", Buffer.from([0x88, 0x81, 0, 0, 0, 0, 0x03]), "1002"],
  [MEMORY, "a close code that does not exist", Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x00, 0x01]), "1002"],
  [MEMORY, "a close code that is nobody's to send", Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xee]), "1002"],
  [MEMORY, "a close whose reason is no UTF-8", Buffer.from([0x88, 0x83, 0, 0, 0, 0, 0x03, 0xe8, 0xff]), "1007"],
  ["a text that is none", "text that is no UTF-8", Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]), "1007"],
  [
    "a text that is none",
    "text that ends within a character",
    Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xe2, 0x82]),
    "1007",
  ],
  [LARGE, "a frame that claims 2^62 bytes", Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), "1009"],
  [LARGE, "a frame that claims 256 MiB", Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]), "1009"],
  [LARGE, "a frame that claims 10 MB", Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x98, 0x96, 0x80, 0, 0, 0, 0]), "1009"],
  ["many small pieces", "20,000 fragments of one byte, before a hello", fragments(20_000, "x"), "bye too-large"],
  ["many small pieces", "20,000 fragments of nothing, before a hello", fragments(20_000, ""), "bye too-large"],
]

/** A message of `count` fragments without a last one. */
function fragments(count: number, payload: string): Buffer {
  return Buffer.concat([
    maskedFrame(1, payload, false),
    ...Array.from({ length: count }, () => maskedFrame(0, payload, false)),
  ])
}

const closed: readonly Input[] = rows.map(([lesson, title, bytes, outcome]) => ({
  lesson,
  place: "websocket",
  title,
  outcome,
  run: (arena) => converse(arena, upgradeHead(), bytes),
}))

/** The same frames in one write with the handshake, before the handshake is answered. */
const behindHandshake: readonly Input[] = rows
  .filter(([lesson]) => lesson === RULES)
  .map(([lesson, title, bytes, outcome]) => ({
    lesson,
    place: "upgrade",
    title: `${title}, right behind the handshake`,
    outcome,
    run: (arena) => converse(arena, Buffer.concat([Buffer.from(upgradeHead()), bytes])),
  }))

/** `ws` limits the number of fragments. */
const fragmented: readonly Input[] = ["x", ""].map((payload) => ({
  lesson: "many small pieces",
  place: "websocket",
  title: `20,000 fragments of ${payload.length} bytes, after the welcome`,
  outcome: "1008",
  run: (arena) => converse(arena, upgradeHead(), maskedFrame(1, hello()), fragments(20_000, payload)),
}))

/** A pong must hold exactly the payload of its ping. */
const pings: readonly Input[] = ["", "x", "\0\0\0\0", "y".repeat(125)].map((payload) => ({
  lesson: MEMORY,
  place: "websocket",
  title: `a ping of ${payload.length} bytes`,
  outcome: GOES_ON,
  async run({ port }) {
    const { socket, text } = await openTcp(port)
    const next = (): Promise<unknown> => new Promise((resolve) => socket.once("data", resolve))
    const opened = next()
    socket.write(upgradeHead())
    await opened
    const head = text().length
    const answered = next()
    socket.write(Buffer.concat([maskedFrame(10, "unasked"), maskedFrame(9, payload)]))
    await answered
    socket.destroy()
    const pong = text().slice(head)
    return pong === `\x8a${String.fromCharCode(payload.length)}${payload}` ? GOES_ON : JSON.stringify(pong)
  },
}))

export const frames: readonly Input[] = [...closed, ...behindHandshake, ...fragmented, ...pings]
