// What a stranger sends in place of a hello: as the first message of a WebSocket, and as the first body of a request.

import { gzipSync } from "node:zlib"
import { bodyOf, hello } from "../attack.ts"
import { bytesBody, type Frame, GOES_ON, type Input, LINKS, POSTS, post, sayFirst } from "./input.ts"
import type { Lesson } from "./lessons.ts"

/** A binary batch whose only packet claims to have this length. */
export function bytesOf(claimedBytes: number, bytes: string, isBytes = true): Uint8Array {
  const batch = Buffer.alloc(4 + bytes.length)
  batch.writeUInt32BE((claimedBytes + (isBytes ? 0x8000_0000 : 0)) >>> 0)
  batch.write(bytes, 4, "latin1")
  return batch
}
export const packet = (bytes: string, isBytes = true): Uint8Array => bytesOf(bytes.length, bytes, isBytes)

const COUNT = "a count that is none"
const TYPE = "something else than a text or a count"
const NAME = "a name that means something to the program"
const VERSION = "a version that nobody speaks"
const HALF = "state before the handshake is over"

/**
 * The same code is expected on each transport: in a bye, or over HTTP in the answer, with status 200 unless the row
 * gives one.
 */
type Row = readonly [lesson: Lesson, title: string, frame: Frame | (() => Frame), code: string, status?: number]

const hellos: readonly Row[] = [
  [HALF, "garbage", "garbage", "protocol-error"],
  [HALF, "nothing", "", "protocol-error"],
  [HALF, "line ends", "\n\n\n", "protocol-error"],
  [HALF, "an HTTP request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "protocol-error"],
  [HALF, "a message", 'mchat\t"hi"', "protocol-error"],
  [HALF, "a take", 't{"turn":1,"heard":0}', "protocol-error"],
  [HALF, "a welcome", 'w{"v":1}', "protocol-error"],
  [HALF, "a hello followed by an unknown kind", () => `${hello()}\nz`, "protocol-error"],
  [HALF, "a hello followed by a message without its position", () => `${hello()}\nmchat\t1`, "protocol-error"],
  ["a text that is none", "half a header of bytes", Uint8Array.of(1, 2), "protocol-error"],
  ["a text that is none", "bytes that are no UTF-8", packet("\xff\xfe", false), "protocol-error"],
  ["a text that is none", "bytes as a packet", packet("h{}"), "protocol-error"],
  ["a promise of more to come", "bytes that claim more than there is", bytesOf(1_000, "h{}", false), "protocol-error"],
  ["a promise of more to come", "bytes that claim 2 GiB", bytesOf(0x7fff_ffff, "h{}", false), "protocol-error"],
  [TYPE, "a hello of broken JSON", "h{", "protocol-error"],
  [TYPE, "a hello that is null", "hnull", "protocol-error"],
  [TYPE, "a hello that is a list", "h[]", "version-unsupported"],
  [TYPE, "no id", () => hello({ id: undefined }), "protocol-error"],
  [TYPE, "an id that is an object", () => hello({ id: { length: 30 } }), "protocol-error"],
  [TYPE, "an id whose text cannot be made", () => hello({ id: { toString: 1, valueOf: 1 } }), "protocol-error"],
  [TYPE, "a key that is a list", () => hello({ key: ["somebody-elses-secret-01"] }), "protocol-error"],
  [TYPE, "no key", () => hello({ key: undefined }), "protocol-error"],
  [TYPE, "a codec that is an object", () => hello({ codec: { toString: 1, valueOf: 1 } }), "codec-unsupported"],
  [TYPE, "a codec that is null", () => hello({ codec: null }), "codec-unsupported"],
  [NAME, "a codec called constructor", () => hello({ codec: "constructor" }), "codec-unsupported"],
  [NAME, "a codec whose name is very long", () => hello({ codec: "x".repeat(10_000) }), "codec-unsupported"],
  [VERSION, "a codec that the hub does not have", () => hello({ codec: "msgpack" }), "codec-unsupported"],
  [VERSION, "JSON by its name, which is not said", () => hello({ codec: "json" }), "codec-unsupported"],
  [TYPE, "features that are an object", () => hello({ features: { length: 1e9, includes: 1 } }), GOES_ON],
  [TYPE, "features that are a text", () => hello({ features: "auth-refresh" }), GOES_ON],
  [TYPE, "features that are no texts", () => hello({ features: [null, 1, {}, [[]], { toString: 1 }] }), GOES_ON],
  [
    NAME,
    "features called like what every object has",
    () => hello({ features: ["__proto__", "constructor"] }),
    GOES_ON,
  ],
  ["many small pieces", "a feature 4,000 times", () => hello({ features: Array(4_000).fill("a") }), GOES_ON],
  [
    "one large message fills the memory",
    "10,000 features",
    () => hello({ features: Array(10_000).fill("a") }),
    "too-large",
    413,
  ],
  [
    "one large message fills the memory",
    "a feature of a long name",
    () => hello({ features: ["x".repeat(16_600)] }),
    "too-large",
  ],
  [TYPE, "a hub's id that is an object, which is none", () => hello({ hub: { toString: 1 } }), GOES_ON],
  [TYPE, "a holder that is a number, which is none", () => hello({ holder: 7 }), GOES_ON],
  ["ids that can be guessed", "an id that can be guessed", () => hello({ id: "1" }), "protocol-error"],
  [
    "ids that can be guessed",
    "an id of foreign characters",
    () => hello({ id: `${"x".repeat(22)}\0` }),
    "protocol-error",
  ],
  ["ids that can be guessed", "an id that is very long", () => hello({ id: "x".repeat(65) }), "protocol-error"],
  ["ids that can be guessed", "a short key", () => hello({ key: "k" }), "protocol-error"],
  ["a version that nobody speaks", "no version", () => hello({ v: undefined }), "version-unsupported"],
  ["a version that nobody speaks", "the next version", () => hello({ v: 2 }), "version-unsupported"],
  ["a version that nobody speaks", "the version as text", () => hello({ v: "1" }), "version-unsupported"],
  ["a version that nobody speaks", "a version that is huge", () => hello({ v: 1e300 }), "version-unsupported"],
  [
    "a version that nobody speaks",
    "a version that is an object",
    () => hello({ v: { valueOf: 1 } }),
    "version-unsupported",
  ],
  [COUNT, "a negative count", () => hello({ heard: -1 }), "protocol-error"],
  [COUNT, "a fraction", () => hello({ acked: 0.5 }), "protocol-error"],
  [COUNT, "a huge count", () => hello({ heard: 1e300 }), "protocol-error"],
  [COUNT, "a count that no number can hold", () => hello().replace('"heard":0', '"heard":1e999'), "protocol-error"],
  [COUNT, "a count beyond what is safe", () => hello({ turn: 2 ** 53 }), "protocol-error"],
  [COUNT, "a count as text", () => hello({ heard: "0" }), "protocol-error"],
  [COUNT, "a count that is null", () => hello({ turn: null }), "protocol-error"],
  [COUNT, "a count in a list", () => hello({ turn: [1] }), "protocol-error"],
  ["what may be resumed is kept", "a session nobody knows", () => hello({ heard: 5 }), "session-unknown"],
  ["what may be resumed is kept", "a session of another hub", () => hello({ hub: "x".repeat(24) }), "session-unknown"],
  [
    "one large message fills the memory",
    "a hello that is too large",
    () => hello({ auth: "x".repeat(17_000) }),
    "too-large",
  ],
  [
    "one large message fills the memory",
    "a hello of many kilobytes",
    () => hello({ auth: "x".repeat(200_000) }),
    "too-large",
    413,
  ],
  ["one large message fills the memory", "wide characters", () => hello({ auth: "€".repeat(6_000) }), "too-large", 413],
  ["many small pieces", "too much behind a hello", () => `${hello()}\n${"a0\n".repeat(6_000)}a0`, "too-large", 413],
]

const FINAL: ReadonlySet<string> = new Set(["version-unsupported", "codec-unsupported"])

export const firstWords: readonly Input[] = hellos.flatMap(([lesson, title, frame, code, status = 200]) =>
  LINKS.map((place): Input => {
    const made = (): Frame => (typeof frame === "function" ? frame() : frame)
    const isSocket = place === "websocket"
    return {
      lesson,
      place,
      title: `instead of a hello: ${title}`,
      outcome: outcomeOf(code, status, isSocket),
      run: (arena) => (isSocket ? sayFirst(arena, made()) : post(arena, place, ...firstBody(made()))),
    }
  }),
)

function outcomeOf(code: string, status: number, isSocket: boolean): string {
  if (code === GOES_ON) return isSocket ? code : "200"
  // A WebSocket may send a second hello after that, and the probe that follows each input is not one.
  if (isSocket && code === "session-unknown") return "4000 protocol-error, bye session-unknown"
  return isSocket ? `${FINAL.has(code) ? 4001 : 4000} ${code}` : `${status} ${code}`
}

function firstBody(batch: Frame): [body: Frame, headers?: Record<string, string>] {
  if (typeof batch === "string") return [bodyOf({ up: 1, poll: 1 }, batch)]
  return bytesBody({ up: 1, poll: 1 }, batch)
}

const BYTES = { "content-type": "application/octet-stream" }

type BodyRow = readonly [lesson: Lesson, title: string, body: string | Uint8Array, headers?: Record<string, string>]

const envelopes: readonly BodyRow[] = [
  [HALF, "that is empty", ""],
  [HALF, "that is garbage", "garbage"],
  [HALF, "without a hello", bodyOf({})],
  [HALF, "that only polls", bodyOf({ poll: 1 })],
  [HALF, "that only ends something", bodyOf({ close: { code: "closed", reason: "", retryable: false } })],
  ["a request out of its order", "that is the second upload", bodyOf({ up: 2 }, hello())],
  ["a request out of its order", "that is the second poll", bodyOf({ up: 1, poll: 2 }, hello())],
  [COUNT, "with a negative number", bodyOf({ up: -1 }, hello())],
  [COUNT, "with a huge number", bodyOf({ up: 1, poll: 1e300 }, hello())],
  [COUNT, "with a fraction", bodyOf({ up: 1, holdMs: 0.5 }, hello())],
  [COUNT, "with a number that is too large for one", `@{"up":1,"holdMs":1e999}\n${hello()}`],
  [TYPE, "whose envelope is no JSON", "@{"],
  [TYPE, "whose envelope is null", "@null"],
  [TYPE, "whose envelope is a number", "@5"],
  [TYPE, "whose envelope is a list", "@[]"],
  [TYPE, "with an object for a number", bodyOf({ up: { valueOf: 1 } }, hello())],
  [TYPE, "with an object that cannot be made a text for a number", bodyOf({ up: { toString: 1 } }, hello())],
  [TYPE, "with a text for a number", bodyOf({ up: "1", poll: "1" }, hello())],
  [TYPE, "with a list for a number", bodyOf({ up: 1, poll: [1] }, hello())],
  [TYPE, "with true for a number", bodyOf({ up: true }, hello())],
  [TYPE, "with null for a number", bodyOf({ up: 1, poll: null }, hello())],
  [TYPE, "with an object for a link", bodyOf({ link: { toString: 1 }, up: 2 }, "a0")],
  [TYPE, "with a number for a link", bodyOf({ link: 7, up: 2 }, "a0")],
  [TYPE, "with a number in its prototype", `@{"__proto__":{"up":1}}\n${hello()}`],
  ["a text that is none", "that is no UTF-8", Buffer.from([0x40, 0xff, 0xfe])],
  ["a text that is none", "of bytes without a header", Buffer.from([1, 2]), BYTES],
  ["a text that is none", "of bytes as an envelope", Buffer.from([0x80, 0, 0, 1, 64]), BYTES],
  [
    "a promise of more to come",
    "that is compressed",
    gzipSync(bodyOf({ up: 1, poll: 1 }, hello())),
    { "content-encoding": "gzip" },
  ],
  [
    "a promise of more to come",
    "that is compressed, with a hello of a megabyte in it",
    gzipSync(bodyOf({ up: 1, poll: 1 }, hello({ auth: "x".repeat(1_000_000) }))),
    { ...BYTES, "content-encoding": "gzip" },
  ],
  ["a promise of more to come", "of bytes that claim too much", Buffer.from([0x7f, 255, 255, 255, 1]), BYTES],
  ["no content type, no check", "of an HTML form", "a=b&c=d", { "content-type": "application/x-www-form-urlencoded" }],
  ["no content type, no check", "of JSON without the mark", "{}", { "content-type": "application/json" }],
]

export const firstBodies: readonly Input[] = envelopes.flatMap(([lesson, title, body, headers]) =>
  POSTS.map(
    (place): Input => ({
      lesson,
      place,
      title: `a first body ${title}`,
      outcome: "400 protocol-error",
      run: (arena) => post(arena, place, body, headers),
    }),
  ),
)
