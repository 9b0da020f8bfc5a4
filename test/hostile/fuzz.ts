import { setTimeout as pause } from "node:timers/promises"
import { EverwireError } from "everwire"
import { msgpack } from "everwire/msgpack"
import { json } from "everwire/server"
import * as fc from "fast-check"
import { type Batch, encodeBatch } from "../../src/wire/batch.ts"
import { type Arena, startArena } from "./arena.ts"
import {
  type Answer,
  ask,
  bodyOf,
  envelopeOf,
  hello,
  openSocket,
  openTcp,
  openWelcomed,
  type RawSocket,
} from "./attack.ts"

/** Where an input is sent. */
export const SURFACES = ["hello", "packets", "msgpack", "first request", "later request", "wire"] as const
type Surface = (typeof SURFACES)[number]

/** An input that a stranger or a peer sends. */
interface Input {
  readonly surface: Surface
  readonly transport: string
  readonly text: string
  readonly isBinary: boolean
}

const HTTP = ["sse", "long-poll", "short-poll"] as const
const TRANSPORTS = ["websocket", ...HTTP] as const

/** A request without an answer after this time counts as held. */
const HELD_MS = 100
/** How long an answer may take on a busy machine. */
const ANSWER_MS = 20_000

/** Texts and values that parsers often handle wrongly. */
const ODD = [
  "",
  "\0",
  "\n",
  "\r\n",
  "\r\n\r\n",
  "\t",
  "\u2028",
  "\ufeff",
  "\ud800",
  "\udfff",
  "é€😀",
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "null",
  "true",
  "NaN",
  "-1",
  "-0",
  "0.5",
  "1e999",
  "1e-7",
  "0x10",
  "00",
  "9007199254740991",
  "9007199254740992",
  "9".repeat(17),
  "9".repeat(400),
  '{"toString":1}',
  '{"valueOf":null}',
  '{"__proto__":{"up":1}}',
  '{"constructor":{"prototype":{}}}',
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "error",
  "close",
  "newListener",
  "[".repeat(5_000),
  '{"a":'.repeat(2_000),
  "x".repeat(3_000),
  "%00",
  "../..",
  "Transfer-Encoding: chunked\r\n",
  "Content-Length: 0\r\n",
  "Content-Length: 99999999999999999999\r\n",
  "Upgrade: websocket\r\n",
  "Expect: 100-continue\r\n",
  "Connection: close\r\n",
] as const

const odd = fc.constantFrom(...ODD)
/** Mostly valid values: an invalid one is refused at once, and then the code behind that check is not reached. */
const mostly = <T, U>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<U>): fc.Arbitrary<T | U> =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: wrong })
const number = mostly(fc.nat(3), fc.constantFrom(-1, 0.5, 300, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300))
const anything = fc.oneof(number, odd, fc.boolean(), fc.constant(null), fc.json({ maxDepth: 3 }))
const name = mostly(fc.constantFrom("echo", "fails", "nobody", "__proto__"), odd)
const payload = mostly(fc.json({ maxDepth: 4 }), odd)

/** One packet of any kind, with mostly valid numbers and payloads. */
const packet = fc.oneof(
  fc.tuple(name, payload).map(([to, data]) => `m${to}\t${data}`),
  fc.tuple(number, name, payload).map(([id, to, data]) => `q${id}\t${to}\t${data}`),
  fc.tuple(number, payload).map(([id, data]) => `r${id}\t${data}`),
  fc.tuple(number, odd).map(([id, code]) => `x${id}\t${JSON.stringify({ code, message: code })}`),
  number.map((id) => `c${id}\t`),
  fc.tuple(name, payload).map(([to, data]) => `fm${to}\nf\t\ne${data}`),
  mostly(
    fc.constant("a0"),
    fc.tuple(number, number, number).map((figures) => `a${figures.join(",")}`),
  ),
  fc.tuple(number, number).map((figures) => `p${figures.join(",")}`),
  fc
    .record({ turn: fc.nat(9).map((turn) => turn + 1), heard: fc.constant(0), x: anything })
    .map((fields) => `t${JSON.stringify(fields)}`),
  mostly(
    odd.map((reason) => `b${JSON.stringify({ code: "closed", reason, retryable: false })}`),
    fc.record({ code: anything, reason: anything, retryable: anything }).map((fields) => `b${JSON.stringify(fields)}`),
  ),
  fc.tuple(number, number).map(([at, part]) => `n${at}+${part}`),
  odd,
)
const packets = fc.array(packet, { minLength: 1, maxLength: 6 }).map((list) => ["n1", ...list].join("\n"))
const nothing = fc.constant(undefined).map(() => ({}))
/** A payload in MessagePack, of any value that it can carry. One character stands for each byte. */
const packed = fc
  .anything({ maxDepth: 3, withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true })
  .map((value) => {
    try {
      return latin1(msgpack().encode(value))
    } catch {
      return "\xc0" // a value that it cannot carry
    }
  })
const helloWith = mostly(
  nothing,
  fc.dictionary(
    fc.constantFrom("v", "id", "key", "heard", "acked", "turn", "auth", "part", "clock", "__proto__"),
    anything,
    { maxKeys: 2 },
  ),
)
  .chain((fields) => fc.tuple(fc.constant(fields), fc.option(packets), fc.uuid()))
  .map(([fields, rest, id]) => hello({ id: `fuzz-${id}`, ...fields }) + (rest === null ? "" : `\n${rest}`))
const upload = fc.record({ up: fc.nat(3).map((up) => up + 1) })
const polling = fc.record({ poll: fc.nat(3).map((poll) => poll + 1), holdMs: fc.constant(0) })
const envelope = fc
  .tuple(
    mostly(upload, nothing),
    mostly(polling, nothing),
    mostly(nothing, fc.record({ close: fc.record({ code: odd, reason: odd, retryable: fc.boolean() }) })),
    mostly(
      nothing,
      fc.dictionary(
        fc.constantFrom("link", "up", "poll", "holdMs", "close", "hub", "ticket", "__proto__", "x"),
        anything,
      ),
    ),
  )
  .map((parts) => Object.assign({}, ...parts) as Record<string, unknown>)
const head = fc
  .record({
    method: mostly(fc.constantFrom("GET", "POST", "OPTIONS", "HEAD", "PUT"), fc.constantFrom("CONNECT", "get", "")),
    path: mostly(
      fc.constantFrom(...TRANSPORTS, "", "sse?ticket=x", "//", "%2e%2e", "websocket/.."),
      odd.map((text) => text.slice(0, 50)),
    ),
    version: mostly(fc.constant("1.1"), fc.constantFrom("1.0", "0.9", "2.0")),
    fields: fc.subarray([
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: everwire",
      "Origin: null",
      "Origin: http://a.test",
      "Cookie: a=b",
      "Content-Type: text/plain",
      "Content-Length: 5",
      "Transfer-Encoding: chunked",
      "Expect: 100-continue",
      'Everwire: {"up":1}',
    ]),
    more: mostly(
      fc.constant("Accept: */*"),
      odd.map((text) => `X-Odd: ${text}`),
    ),
    body: mostly(fc.constantFrom("", "5\r\n12345\r\n0\r\n\r\n", '@{"up":1}'), odd),
  })
  .map(({ method, path, version, fields, more, body }) =>
    [`${method} /everwire/${path} HTTP/${version}`, "Host: a.test", more, ...fields, "", body].join("\r\n"),
  )

/** About half of the texts unchanged; in the others one or two places are cut, repeated, or have odd text inserted. */
function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), bytes: fc.nat(12), odd, kind: fc.nat(3) })
  const changes = fc.oneof(fc.constant([]), fc.array(change, { minLength: 1, maxLength: 2 }))
  return fc.tuple(texts, changes).map(([text, all]) =>
    all.reduce((whole, { at, bytes, odd, kind }) => {
      const from = Math.floor(at * whole.length)
      const [before, middle, after] = [whole.slice(0, from), whole.slice(from, from + bytes), whole.slice(from + bytes)]
      if (kind === 0) return before + after
      if (kind === 1) return before + middle + middle + after
      return before + odd + (kind === 2 ? "" : middle) + after
    }, text),
  )
}

const firstBody = fc.tuple(envelope, helloWith).map(([fields, batch]) => bodyOf({ ...fields, up: 1 }, batch))
const laterBody = fc
  .tuple(envelope, fc.option(packets))
  .map(([fields, batch]) => bodyOf({ up: 2, ...fields }, batch ?? undefined))
const TEXTS: Record<Surface, fc.Arbitrary<string>> = {
  hello: mutated(helloWith),
  packets: mutated(packets),
  msgpack: fc.tuple(fc.constantFrom("mecho", "q1\techo", "r1", "i1"), mutated(packed)).map(([head, data]) => {
    return latin1(encodeBatch(["n1", Buffer.from(`${head}\n${data}`, "latin1")]))
  }),
  "first request": mutated(firstBody),
  "later request": mutated(laterBody),
  wire: mutated(head),
}

const input: fc.Arbitrary<Input> = fc.constantFrom(...SURFACES).chain((surface) =>
  fc.record({
    surface: fc.constant(surface),
    transport: fc.constantFrom(...HTTP),
    text: TEXTS[surface],
    isBinary: surface === "msgpack" ? fc.constant(true) : fc.nat(9).map((n) => n === 0),
  }),
)

/**
 * Sends `runs` random inputs to a hub, eight at once. Returns how often each outcome occurred. Throws when an input is
 * not answered, when the hub reports an unexpected error, or when anything is left at the end.
 */
export async function fuzz(runs: number, seed: number): Promise<ReadonlyMap<string, number>> {
  const arena = await startArena({ codecs: [json, msgpack()] })
  arena.hub.onRefused(() => {}) // Without this listener the first refusal of each code is logged as a warning.
  arena.hub.handle("fails", () => {
    throw new Error(EXPECTED)
  })
  const outcomes = new Map<string, number>()
  const inputs = fc.sample(input, { numRuns: runs, seed }).values()
  const throwAll = async (): Promise<void> => {
    for (const one of inputs) {
      const outcome = `${one.surface}: ${await inTime(one, throwAt(arena, one))}`
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 8 }, throwAll))
  for (const error of arena.errors) if (!isExpected(error)) throw error
  await arena.settled([...arena.errors])
  return outcomes
}

function latin1(bytes: Batch): string {
  return Buffer.from(bytes as Uint8Array).toString("latin1") // none of these is text
}

const EXPECTED = "as a handler may"

/** Whether the error is a peer's fault or the one that the test's handler throws. */
function isExpected(error: unknown): boolean {
  return error instanceof EverwireError || (error instanceof Error && error.message === EXPECTED)
}

async function inTime(input: Input, outcome: Promise<string>): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not answered: ${JSON.stringify(input)}`)), ANSWER_MS)
  })
  try {
    return await Promise.race([outcome, late])
  } finally {
    clearTimeout(timer)
  }
}

function throwAt(arena: Arena, { surface, transport, text, isBinary }: Input): Promise<string> {
  const bytes = isBinary ? Buffer.from(text, "latin1") : Buffer.from(text)
  switch (surface) {
    case "hello":
      return throwFrame(openSocket(arena.url), text, bytes, isBinary)
    case "packets":
      return throwFrame(openWelcomed(arena.url), text, bytes, isBinary)
    case "msgpack":
      return throwFrame(openWelcomed(arena.url, { codec: "msgpack" }), text, bytes, isBinary)
    case "first request":
      return throwBody(arena, transport, bytes)
    case "later request":
      return throwLater(arena, transport, text)
    case "wire":
      return throwBytes(arena, bytes)
  }
}

/** Sends a frame and then a probe. Returns the code of the close, or "goes on" when the probe is answered. */
async function throwFrame(
  opening: Promise<RawSocket>,
  text: string,
  bytes: Uint8Array,
  isBinary: boolean,
): Promise<string> {
  const { socket, closed, heard } = await opening
  socket.send(isBinary ? bytes : text)
  const answered = new Promise<string>((resolve) => {
    socket.on("message", () => {
      // In a batch with bytes, the length of a packet stands before it.
      if (heard.some((packet) => /(^|\W)a\d+,77($|\W)/m.test(packet))) resolve("goes on")
    })
  })
  socket.send("p77")
  const outcome = await Promise.race([answered, closed.then(({ code }) => code)])
  socket.terminate()
  return outcome
}

async function throwBody(arena: Arena, transport: string, body: Uint8Array): Promise<string> {
  return outcomeOf(await ask(`${arena.url}/${transport}`, { body }))
}

/**
 * Sends a request to a new link: its id is added to the envelope, and an id in the input itself takes precedence. A
 * request that is held, or that came before its turn, is answered when the link is closed.
 */
async function throwLater(arena: Arena, transport: string, text: string): Promise<string> {
  const url = `${arena.url}/${transport}`
  const { link } = envelopeOf(await ask(url, { body: bodyOf({ up: 1, poll: 1, holdMs: 0 }, hello()) }))
  const answer = ask(url, { body: text.replace("@{", `@{"link":${JSON.stringify(link)},`) })
  await Promise.race([answer, pause(HELD_MS)])
  await ask(url, { body: bodyOf({ link, close: { code: "closed", reason: "", retryable: false } }) })
  return outcomeOf(await answer)
}

function outcomeOf({ status, code }: Answer): string {
  if (status >= 500 && code !== "over-capacity") throw new Error(`answered ${status}`)
  return `${status}${code === undefined ? "" : ` ${code}`}`
}

/** Writes bytes to a connection and ends it. Returns the status, or "closed" where there was no answer. */
async function throwBytes({ port }: Arena, bytes: Uint8Array): Promise<string> {
  const { socket, received } = await openTcp(port)
  socket.end(bytes)
  const status = /^HTTP\/1\.1 (\d+)/.exec(await received)?.[1]
  if (status?.startsWith("5") && status !== "505") throw new Error(`answered ${status}`)
  return status ?? "closed"
}
