import type { Socket } from "node:net"
import { setImmediate as turn } from "node:timers/promises"
import { createRandom } from "../../src/testing/random.ts"
import type { Arena } from "./arena.ts"
import { openTcp } from "./attack.ts"

/** The bytes that are written to one connection, and whether they hold a request. */
interface Input {
  readonly bytes: Buffer
  /** Whether the head of a request is complete: then the hub must answer or end the connection. */
  readonly isAsked: boolean
}

/** What the connection brought back for one input. */
export interface Outcome {
  readonly input: Input
  readonly statuses: readonly number[]
  /** Neither an answer nor an end came, although a request was complete. */
  readonly isUnanswered: boolean
}

/** Generates malformed requests from a grammar. The same seed gives the same requests. */
function createInputs(seed: number): () => Input {
  const random = createRandom(seed)
  const below = (count: number): number => Math.floor(random() * count)
  const chance = (part: number): boolean => random() < part
  /**
   * Whether most of the input is valid, so that it passes the first checks. The valid value stands first in each list.
   */
  let isMild = false
  // No list is empty.
  const pick = <T>(list: readonly T[]): T => list[isMild && chance(0.85) ? 0 : below(list.length)] as T
  const token = (): string => pick(["x".repeat(24), "A_-0".repeat(6), "short", "x".repeat(65), "é".repeat(24), ""])

  const value = (depth = 0): unknown => {
    const kind = below(depth > 3 ? 10 : 14)
    if (kind === 10) return [value(depth + 1), value(depth + 1)]
    if (kind === 11)
      return { toString: value(depth + 1), valueOf: value(depth + 1), toJSON: 1, length: value(depth + 1) }
    if (kind === 12) return { code: value(depth + 1), reason: value(depth + 1), retryAfterMs: value(depth + 1) }
    if (kind === 13) return { constructor: value(depth + 1), prototype: value(depth + 1), id: value(depth + 1) }
    return pick([0, 1, 2, -1, 0.5, 1e300, 2 ** 53, null, true, "1", "", "__proto__", token(), "\u0000", "\ud800", []])
  }
  const fields = (names: readonly string[], base: Record<string, unknown>): string => {
    const all = { ...base }
    for (const name of names) if (chance(0.3)) all[name] = value()
    const json = JSON.stringify(all)
    if (chance(0.05)) return json.replace("{", '{"__proto__":{"up":1,"link":"x"},')
    if (chance(0.05)) return json.replace(/:1([,}])/g, ":1e999$1")
    return chance(0.05) ? json.slice(0, below(json.length)) : json
  }
  let sessions = 0
  const helloFields = ["v", "id", "key", "heard", "part", "acked", "turn", "holder", "hub", "speakMs", "clock", "auth"]
  const helloOf = (): string => {
    const id = `fuzz-${seed}-${String(++sessions).padStart(20, "0")}`
    return `h${fields(chance(0.5) ? helloFields : [], { v: 1, id, key: `key-${id}`, heard: 0, acked: 0, turn: 1 })}`
  }
  const packet = (): string =>
    pick([
      helloOf,
      () => `t${fields(["turn", "heard", "part"], { turn: 1, heard: 0 })}`,
      () =>
        `b${fields(["code", "reason", "retryable", "retryAfterMs", "id", "key", "said", "hub"], { code: "closed" })}`,
      () => `n${pick(["1", "0", "-1", "1+1", "1e3", "", "9007199254740993"])}`,
      () => `a${pick(["0", "1", "0,1", "0,1,1", "9", ",", "1,2,3,4"])}`,
      () => `p${pick(["0", "1", "1,5", "x", "1,x", ""])}`,
      () =>
        `m${pick(["x\t1", "x", "\t", "error\t{}", "__proto__\t{}", 'x\t{"__proto__":1}', "x\t{", "constructor\t1"])}`,
      () => `q${pick(["1\techo\t1", "1\tconstructor\t1", "1\t\t", "\t\t", "1\techo\t{", "1"])}`,
      () => `${pick(["r", "x", "c", "f", "e"])}${pick(["1\t1", "1\t{}", "\t", "", "x".repeat(200)])}`,
      () => pick(["", "\u0000", "z", "h", "@", "ü", "\ud800"]),
    ])()
  const body = (): string => {
    const envelope = `@${fields(["link", "up", "poll", "holdMs", "ticket", "hub", "close"], pick([{ up: 1, poll: 1 }, { up: 1 }, { poll: 1 }, {}]))}`
    if (chance(0.05)) return pick(["", "@", "@null", "@[]", "a=b", "\u0000\u0000\u0000\u0005hello"])
    const first = chance(0.6) ? [helloOf()] : []
    return [envelope, ...first, ...Array.from({ length: below(4) }, packet)].join("\n")
  }
  const chunked = (text: string): string => {
    const size = Buffer.byteLength(text).toString(16)
    return pick([
      `${size}\r\n${text}\r\n0\r\n\r\n`,
      `${size};ext=1;ext="\\""\r\n${text}\r\n0\r\nTrailer: x\r\nContent-Length: 5\r\n\r\n`,
      `${size}\r\n${text}\r\n`,
      `-1\r\n${text}\r\n0\r\n\r\n`,
      `ffffffffffffffffff\r\n${text}`,
      `0${size}\r\n${text}\r\n0\r\n${"T: x\r\n".repeat(500)}\r\n`,
      `${size}\n${text}\n0\n\n`,
    ])
  }
  const names = [
    "sse",
    "long-poll",
    "short-poll",
    "websocket",
    "pigeon",
    "__proto__",
    "",
    "sse/",
    "%00",
    "%ff",
    "..%2fsse",
  ]
  const overHttp = (): string[] => [names[below(names.length)] ?? "", "long-poll", "short-poll"]
  const target = (): string => {
    const path = `/everwire/${pick(names)}${pick(["", "", "?", "?ticket=x", "?ticket=%ff", "?ticket=__proto__", "#x", ";a=b"])}`
    return pick([
      path,
      path,
      path,
      `http://evil.example${path}`,
      `HTTP://x@y:99999${path}`,
      "*",
      "evil.example:443",
      `${path}${"y".repeat(9_000)}`,
      `//${path}`,
      "/everwire",
    ])
  }
  const websocket = (): string[] => [
    `Connection: ${pick(["Upgrade", "keep-alive, upgrade", "upgrade, close"])}`,
    `Upgrade: ${pick(["websocket", "websocket", "WebSocket", "h2c", "websocket, h2c"])}`,
    `Sec-WebSocket-Key: ${pick(["AAAAAAAAAAAAAAAAAAAAAA==", "", "x", "y".repeat(500)])}`,
    `Sec-WebSocket-Version: ${pick(["13", "13", "8", "7", "x"])}`,
    `Sec-WebSocket-Protocol: ${pick(["everwire", "everwire, ", `everwire, ${encodeURIComponent(helloOf())}`, "everwire, h%7", "chat", ",,,", "e,e"])}`,
    `Sec-WebSocket-Extensions: ${pick(["permessage-deflate", "constructor", "permessage-deflate; server_max_window_bits=99", ";;;", 'x="y'])}`,
  ]
  const header = (): string =>
    pick([
      () => `Origin: ${pick(["null", "http://x", "http://evil.example", "", "http://[", "é", "http://x\u0000"])}`,
      () => `Cookie: ${pick(["a=b", "é", "=;=;"])}`,
      () =>
        `Content-Type: ${pick(["text/plain", "application/octet-stream", "application/json", "é", 'a;b="', "multipart/form-data"])}`,
      () =>
        `Everwire: ${pick([body().split("\n")[0] ?? "", "@", "@{}", '@{"up":{"toString":1}}', '@{"poll":"1","link":"x"}', "é"])}`,
      () => `Expect: ${pick(["100-continue", "200-ok", "100-continue, x"])}`,
      () => `X-Forwarded-For: ${pick(["1.2.3.4", "é", ",,,", "[::1]:x", "x".repeat(3_000)])}`,
      () => `X-Forwarded-Host: ${pick(["x", "[", "é"])}`,
      () => `X-Forwarded-Proto: ${pick(["https", "wss", "é"])}`,
      () => `Referer: ${pick(["http://x/", "http://[", "é"])}`,
      () => `Sec-Fetch-Site: ${pick(["cross-site", "same-origin", "é"])}`,
      () => `Content-Encoding: ${pick(["gzip", "identity", "x"])}`,
      () => `Connection: ${pick(["close", "keep-alive", "Content-Length", "x"])}`,
      () => `Trailer: x`,
      () =>
        pick([
          "Host: y",
          " folded: x",
          "no colon",
          "x\u0000: y",
          ": empty",
          "X: \u0000",
          "X:\ty\tz",
          `X: ${"z".repeat(20_000)}`,
        ]),
      () => Array.from({ length: 2_500 }, (_, n) => `a${n}: b`).join("\r\n"),
    ])()

  return () => {
    isMild = chance(0.6)
    const text = body()
    const isUpgrade = chance(0.15)
    const method = pick([
      isUpgrade || chance(0.1) ? "GET" : "POST",
      "GET",
      "PUT",
      "OPTIONS",
      "HEAD",
      "CONNECT",
      "post",
      "BREW",
    ])
    const path = isMild && chance(0.8) ? `/everwire/${isUpgrade ? "websocket" : pick(overHttp())}` : target()
    const lines = [`${method} ${path} HTTP/${pick(["1.1", "1.1", "1.1", "1.0", "2.0", "0.9", ""])}`]
    lines.push(...(chance(0.9) ? [`Host: ${pick(["x", "x", "x", "127.0.0.1", "é", "[", "x:99999", "a b", ""])}`] : []))
    if (isUpgrade) lines.push(...websocket())
    for (let more = below(isMild ? 2 : 3); more > 0; more--) lines.push(header())
    const length = Buffer.byteLength(text)
    let rest = text
    if (chance(0.25)) {
      lines.push(`Transfer-Encoding: ${pick(["chunked", "chunked", "gzip, chunked", "chunked, gzip", "x"])}`)
      if (chance(0.2)) lines.push(`Content-Length: ${length}`)
      rest = chunked(text)
    } else if (chance(0.9)) {
      lines.push(
        `Content-Length: ${chance(0.8) ? length : pick([length + 1, Math.max(0, length - 1), -1, "x", "1e3", "+5", 2 ** 60])}`,
      )
    }
    const isAsked = chance(0.95)
    const head = lines.join(chance(0.97) ? "\r\n" : "\n") + (isAsked ? "\r\n\r\n" : "")
    const bytes = Buffer.concat([Buffer.from(head, chance(0.5) ? "utf8" : "latin1"), Buffer.from(isAsked ? rest : "")])
    if (chance(0.05)) for (let flips = below(4); flips >= 0; flips--) bytes[below(bytes.length)] = below(256)
    return { bytes, isAsked: isAsked && bytes.includes("\r\n\r\n") }
  }
}

/** How many connections are open at the same time. */
const AT_ONCE = 50

/**
 * Writes each input to a connection of its own, some in two pieces, some broken off, and lets all deadlines of the hub
 * pass.
 */
export async function tryAll(arena: Arena, seed: number, count: number): Promise<Outcome[]> {
  const next = createInputs(seed)
  const outcomes: Outcome[] = []
  for (let from = 0; from < count; from += AT_ONCE) {
    const open: { input: Input; socket: Socket; text(): string; isOver(): boolean; isReset: boolean }[] = []
    for (let n = from; n < Math.min(count, from + AT_ONCE); n++) {
      const input = next()
      const { socket, text } = await openTcp(arena.port)
      let isOver = false
      for (const event of ["end", "close"]) socket.once(event, () => (isOver = true))
      const middle = n % 3 === 0 ? Math.floor(input.bytes.length / 2) : 0
      socket.write(input.bytes.subarray(0, middle))
      if (middle > 0) await turn()
      socket.write(input.bytes.subarray(middle))
      const isReset = n % 10 === 0
      if (isReset) socket.resetAndDestroy()
      open.push({ input, socket, text, isOver: () => isOver, isReset })
    }
    for (let turns = 0; turns < 20; turns++) await turn()
    // 80 s: the deadlines of bodies, hellos and polls, and the time for which refused bodies are still read.
    for (let waits = 0; waits < 4; waits++) await arena.pass(20_000)
    for (let turns = 0; turns < 20; turns++) await turn()
    for (const { input, socket, text, isOver, isReset } of open) {
      const statuses = Array.from(text().matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status))
      outcomes.push({ input, statuses, isUnanswered: input.isAsked && !isReset && statuses.length === 0 && !isOver() })
      socket.destroy()
    }
  }
  return outcomes
}
