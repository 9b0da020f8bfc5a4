// Inputs on a welcomed link, over each transport.

import type { NodeHubOptions } from "everwire/node"
import { bytesOf, packet } from "./first.ts"
import { bring, type Frame, GOES_ON, type Input, LINKS, say } from "./input.ts"
import type { Lesson } from "./lessons.ts"

const RULES = "what breaks the rules ends the process"
const NAME = "a name that means something to the program"
const COUNT = "a count that is none"
const TYPE = "something else than a text or a count"
const TEXT = "a text that is none"
const MORE = "a promise of more to come"
const PLACEHOLDER = "a placeholder that points elsewhere"
const LARGE = "one large message fills the memory"

/** `code` is the code with which the link is closed, or GOES_ON. */
type Row = readonly [
  lesson: Lesson,
  title: string,
  frame: Frame | readonly Frame[],
  code?: string,
  limits?: NodeHubOptions["limits"],
]

const message = (name: string, data: string): string => `n1\nm${name}\t${data}`
const deep = (levels: number, open: string, close: string): string =>
  message("x", open.repeat(levels) + close.repeat(levels))

/** A request for a stream, and then this packet in bytes. */
const inBytes = (bytes: string): Frame =>
  Buffer.concat([packet("n1", false), packet("qs1\tkept\t1", false), packet(bytes)])

const rows: readonly Row[] = [
  [RULES, "an unknown kind", "z"],
  [RULES, "an unknown kind of many bytes", "🚢"],
  [RULES, "nothing", ""],
  [RULES, "line ends", "\n\n"],
  [RULES, "an unknown kind in bytes", packet("zx\n")],
  [RULES, "an empty packet in bytes", packet("")],
  [
    RULES,
    "a second hello",
    'h{"v":1,"id":"raw-session-of-somebody","key":"key-of-somebody-else-1","heard":0,"acked":0,"turn":1}',
  ],
  [RULES, "a welcome", 'w{"v":1}'],
  [RULES, "credentials that the hub did not ask for", 'u1\t{"auth":"token"}'],
  [RULES, "a question for credentials", "u1"],
  [RULES, "a message before its position", 'mchat\t"hi"'],
  [RULES, "a gap", 'n2\nmchat\t"hi"'],
  [RULES, "a gap after a message", "n1\nmchat\t1\nn3\nmchat\t2"],
  [RULES, "a take that is no JSON", "t"],
  [RULES, "a take without fields", "t{}"],
  [RULES, "a bye that is no JSON", "b{"],
  [RULES, "a message without its payload", "n1\nmchat"],
  [RULES, "a payload that is no JSON", "n1\nmchat\t{"],
  [RULES, "a request without its name", "n1\nq1\t{}"],
  [RULES, "an answer that is no JSON", "n1\nr1"],
  [
    RULES,
    "answers, failures and cancels that nobody waits for",
    'n1\nr1\t{}\nx1\t{"code":"nonsense"}\nx2\tnull\nc1\t\nc__proto__\t',
    GOES_ON,
  ],
  [COUNT, "position 0", "n0"],
  [COUNT, "a negative position", "n-1"],
  [COUNT, "a position in another notation", "n1e1"],
  [COUNT, "a position in hexadecimal", "n0x1"],
  [COUNT, "a position with a zero in front, which is none the less one", "n01", GOES_ON],
  [COUNT, "a position that is huge", "n99999999999999999999"],
  [COUNT, "a position of half a packet that nobody began", "n1+5"],
  [COUNT, "a position of a negative part", "n1+-1"],
  [COUNT, "no position", "n"],
  [COUNT, "an ack of what was never said", "a5"],
  [COUNT, "a negative ack", "a-1"],
  [COUNT, "an ack that is no number", "aNaN"],
  [COUNT, "an ack that is infinite", "aInfinity"],
  [COUNT, "an ack of half a probe", "a0,"],
  [COUNT, "an ack of a probe that is no number", "a0,x"],
  [COUNT, "an ack of more figures than there are", "a0,1,2,3", GOES_ON],
  [COUNT, "a probe that is no number", "px"],
  [COUNT, "a probe without a number", "p"],
  [COUNT, "a probe that no number can hold", `p${"9".repeat(400)}`],
  [COUNT, "a negative take", 't{"turn":-1,"heard":0}'],
  [COUNT, "a take that has heard what was never said", 't{"turn":5,"heard":99}'],
  [COUNT, "a take beyond what is safe", 't{"turn":9007199254740992,"heard":0}'],
  [COUNT, "a deadline that is negative", "n1\nq1,-5\techo\t1"],
  [COUNT, "a deadline in another notation", "n1\nq1,1e3\techo\t1"],
  [COUNT, "a deadline that no number can hold", `n1\nq1,${"9".repeat(400)}\techo\t1`],
  [COUNT, "the longest deadline that there is", "n1\nq1,9007199254740991\techo\t1", GOES_ON],
  [COUNT, "a deadline that is over when the request comes", "n1\nq1,0\techo\t1", GOES_ON],
  [COUNT, "more fields of a request than there are", "n1\nq1,5000,+,constructor,-1\techo\t1", GOES_ON],
  [COUNT, "negative credit", "n1\nqs1\tkept\t1\ngs1\t-1"],
  [COUNT, "credit beyond what is safe", "n1\nqs1\tkept\t1\ngs1\t9007199254740992"],
  [COUNT, "credit in another notation", "n1\nqs1\tkept\t1\ngs1\t0x10"],
  [COUNT, "credit in bytes, of which one looks like a digit", inBytes("gs1\n\x05")],
  [COUNT, "credit in bytes that are digits", inBytes("gs1\n16")],
  [RULES, "a cancel in bytes", inBytes("cs1\n")],
  [RULES, "a failure in bytes", inBytes("xs1\n{}"), GOES_ON],
  [COUNT, "no credit", "n1\nqs1\tkept\t1\ngs1\t"],
  [
    COUNT,
    "credit that adds up to more than a number can count",
    `n1\nqs1\techo\t1\n${"gs1\t9007199254740991\n".repeat(99).slice(0, -1)}`,
    GOES_ON,
  ],
  [COUNT, "more items than credit was granted for", `n1\nq1,,+\tkept\t1\n${"i+1\t1\n".repeat(17).slice(0, -1)}`],
  [
    RULES,
    "items, ends and credit of streams that nobody asked for",
    "n1\ni1\t1\nis1\t1\ni+1\t1\nrs1\t\nr+1\t\ngs1\t1\ng+1\t16",
    GOES_ON,
  ],
  [RULES, "items of an input that no handler reads", "n1\nq1,,+\techo\t1\ni+1\t1\ni+1\t2\nr+1\t", GOES_ON],
  [
    RULES,
    "items after the end of an input, and after its request was cancelled",
    "n1\nq1,,+\tkept\t1\ni+1\t1\nr+1\t\ni+1\t2\nr+1\t\nc1\t\ni+1\t3\nc+1\t",
    GOES_ON,
  ],
  [RULES, "a request with the id of an input", "n1\nq+1\techo\t1"],
  [RULES, "a request with the id of one that is being answered", "n1\nq1\tkept\t1\nq1,5\tkept\t1"],
  [RULES, "a request without an id", "n1\nq\techo\t1\nq,,+\tkept\t1\ni+\t1\nc\t", GOES_ON],
  [
    "many small pieces",
    "credit of one at a time for an answer that is over",
    `n1\nqs1\techo\t1\n${"gs1\t1\n".repeat(5_000)}a0`,
    GOES_ON,
  ],
  [TYPE, "a take of texts", 't{"turn":"5","heard":"0"}'],
  [TYPE, "a take of objects", 't{"turn":{"toString":1},"heard":0}'],
  [TYPE, "a take that is null", "tnull"],
  [TYPE, "a failure whose code is an object", 'n1\nx1\t{"code":{"toString":1},"message":{"valueOf":1}}', GOES_ON],
  [TYPE, "a request whose id is an object", 'n1\nq{"toString":1}\techo\t1', GOES_ON],
  [TYPE, "a message whose name is an object", message('{"toString":"x"}', "1"), GOES_ON],
  [
    TYPE,
    "a payload with a toString of its own",
    message("x", '{"toString":1,"valueOf":1,"toJSON":1,"length":-1}'),
    GOES_ON,
  ],
  [TYPE, "a payload that looks like a promise", 'n1\nq1\techo\t{"then":1}', GOES_ON],
  [TEXT, "a batch that ends inside a header", Buffer.concat([packet("a0", false), Uint8Array.of(0)])],
  [TEXT, "a message in bytes without its header", Buffer.concat([packet("n1", false), packet("mchat")])],
  [TEXT, "a name that is no UTF-8", Buffer.concat([packet("n1", false), packet("m\xff\xfe\n")])],
  [TEXT, "a text in bytes that is no UTF-8", Buffer.concat([packet("n1", false), packet("mx\t\xff", false)])],
  [TEXT, "half a character in a payload", message("x", '"\\ud800"'), GOES_ON],
  [TEXT, "a NUL in a payload", message("x", '"\\u0000"'), GOES_ON],
  [TEXT, "a NUL in a name", message("x\0y", "1"), GOES_ON],
  [TEXT, "a mark of byte order before a packet", "\ufeffn1"],
  ...["error", "connect", "disconnect", "close", "message", "newListener", "removeListener", "end", "open"].map(
    (name): Row => [NAME, `a message called ${name}`, message(name, "{}"), GOES_ON],
  ),
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"].map(
    (name): Row => [
      NAME,
      `a message and a request called ${name}`,
      `n1\nm${name}\t{"__proto__":{"polluted":1}}\nq${name}\t${name}\t{}`,
      GOES_ON,
    ],
  ),
  [
    NAME,
    "a payload that sets a prototype",
    message("x", '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    GOES_ON,
  ],
  [NAME, "a name without a character", message("", "1"), GOES_ON],
  [NAME, "a name of many characters", message("x".repeat(2_000), "1"), GOES_ON],
  [PLACEHOLDER, "a placeholder for bytes that did not come", message("x", '{"_placeholder":true,"num":0}'), GOES_ON],
  [PLACEHOLDER, "a placeholder whose number is a name", message("x", '{"_placeholder":true,"num":"splice"}'), GOES_ON],
  [PLACEHOLDER, "a reference to another place", message("x", '{"$ref":"#/constructor","$type":"Buffer"}'), GOES_ON],
  [PLACEHOLDER, "bytes that are said to be a Buffer", message("x", '{"type":"Buffer","data":["x",-1,1e9]}'), GOES_ON],
  [MORE, "a message in bytes whose header never ends", Buffer.concat([packet("n1", false), packet("m".repeat(5_000))])],
  [MORE, "bytes that claim more than there is", bytesOf(100_000, "m")],
  [MORE, "a last part of what was never begun", "n1\nex", "protocol-error"],
  [
    MORE,
    "parts of a message that never ends",
    Array.from({ length: 30 }, (_, n) => `${n === 0 ? "n1\nfmx\t" : "f"}${"x".repeat(60_000)}`),
    "too-large",
  ],
  [MORE, "a part of nothing", ["n1\nfmx\t", "f"], GOES_ON],
  [
    MORE,
    "many small parts",
    ["n1\nfmx\t", ...Array.from({ length: 4 }, () => "fx\n".repeat(999).concat("fx"))],
    "protocol-error",
  ],
  [MORE, "a message amid the parts of another", ["n1\nfmx\t1", "my\t1"]],
  [LARGE, "a payload that is too large", message("x", `"${"x".repeat(1_100_000)}"`), "too-large"],
  [LARGE, "a payload that is too large in UTF-8", message("x", `"${"€".repeat(400_000)}"`), "too-large"],
  [LARGE, "a name that is too large", message("x".repeat(1_200_000), "1"), "too-large"],
  [
    "many small pieces",
    "more packets than a batch may hold",
    "a0\n".repeat(65_536).concat("a0"),
    "protocol-error",
    { maxMessagesPerSecond: Infinity },
  ],
  [
    "many small pieces",
    "more packets than may be sent without a pause",
    "a0\n".repeat(60_000).concat("a0"),
    "rate-limited",
  ],
  ["many small pieces", "a batch of many empty packets", "\n".repeat(1_000_000)],
  ["many small pieces", "as many packets as may be sent at once", "a0\n".repeat(11_000).concat("a0"), GOES_ON],
  ["a payload that is nested deeply", "lists in lists", deep(100_000, "[", "]"), "too-large"],
  ["a payload that is nested deeply", "lists that are never closed", message("x", "[".repeat(1_000_000)), "too-large"],
  [
    "a payload that is nested deeply",
    "objects in objects",
    deep(100_000, '{"a":', "}").replace("}", "1}"),
    "too-large",
  ],
  ["a payload that is nested deeply", "one level more than may be", deep(1_001, "[", "]"), "too-large"],
  ["a payload that is nested deeply", "as many levels as may be", deep(1_000, "[", "]"), GOES_ON],
]

/**
 * Codes that end the session, not only the link, because the next link would bring the same packet. A WebSocket closes
 * with 4001.
 */
const FINAL: ReadonlySet<string> = new Set(["too-large"])

export const brought: readonly Input[] = rows.flatMap(([lesson, title, frames, code = "protocol-error", limits]) =>
  LINKS.map((place): Input => {
    // A single frame is never an array.
    const all = Array.isArray(frames) ? (frames as readonly Frame[]) : [frames as Frame]
    const isSocket = place === "websocket"
    const closed = isSocket ? `${FINAL.has(code) ? 4001 : 4000} ${code}` : `closed ${code}`
    return {
      lesson,
      place,
      title: `after the welcome: ${title}`,
      outcome: code === GOES_ON ? GOES_ON : closed,
      options: () => ({ limits }),
      run: (arena) => (isSocket ? say(arena, ...all) : bring(arena, place, ...all)),
    }
  }),
)
